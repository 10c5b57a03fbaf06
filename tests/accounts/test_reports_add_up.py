"""Reports, read on any replica, add up to the ledger that all replicas wrote, to the digit."""

import asyncio
import random
import time
from collections import defaultdict
from decimal import Decimal
from typing import Any

import openai
import pytest

from tests.accounts.accounting import Rows, spent_by
from tests.accounts.asking import tell_all
from tests.accounts.test_budget_storm import random_asks
from tests.faults.served import until
from tests.gateway import exact
from tests.replicas import ADMIN_KEY, Key, Replicas

SIZE = 60
AT_ONCE = 20
A_DAY_S = 86_400
WIDTHS = ["1d", "1h", "1m"]


@pytest.fixture(scope="module", params=["trio", "pair"])
def house(request: pytest.FixtureRequest) -> Replicas:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def keys(house: Replicas) -> list[Key]:
    """Two keys of one project, after some use of each on every replica."""
    first = house.admin.key()
    keys = [first, house.admin.key(first.project)]
    asks = [ask for key in keys for ask in random_asks(random.Random(11), key.value, SIZE, "report")]
    asyncio.run(tell_all(house.next, asks, AT_ONCE))
    budget = house.admin.budget("1000", scope="project", scope_id=first.project)["id"]
    until(lambda: house.admin.figures(budget).reserved == 0)
    house.admin.drop_budget(budget)
    return keys


@pytest.fixture(scope="module")
def rows(house: Replicas, keys: list[Key]) -> Rows:
    """The ledger of that project, once nobody who hung up is still being charged."""
    counts: list[int] = []

    def still() -> bool:
        counts.append(len(house.rows_of(keys[0].project)))
        return len(counts) > 1 and counts[-1] == counts[-2]

    until(still)
    return house.rows_of(keys[0].project)


def results(house: Replicas, path: str, **query: object) -> list[dict[str, Any]]:
    """Read every page and return every result."""
    asked = {"start_time": int(time.time()) - A_DAY_S, "limit": 7} | query
    found: list[dict[str, Any]] = []
    page = ""
    while True:
        text = "&".join(f"{name}={value}" for name, value in asked.items()) + page
        told = house.admin.done("GET", f"/v1/organization/{path}?{text}")
        found += [result for bucket in told["data"] for result in bucket["results"]]
        if not told["has_more"]:
            return found
        page = f"&page={told['next_page']}"


def total(found: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(each[name]) for each in found if each[name] is not None), Decimal(0))


@pytest.mark.parametrize("width", WIDTHS)
def test_usage_is_the_sum_of_the_ledger(house: Replicas, keys: list[Key], rows: Rows, width: str) -> None:
    for _ in house.gateways:
        found = results(house, "usage/completions", project_ids=keys[0].project, bucket_width=width, limit=24)

        assert total(found, "num_model_requests") == len(rows)
        assert total(found, "input_tokens") == sum(row["input_tokens"] or 0 for row in rows)
        assert total(found, "output_tokens") == sum(row["output_tokens"] or 0 for row in rows)


def test_costs_are_the_sum_of_the_ledger(house: Replicas, keys: list[Key], rows: Rows) -> None:
    found = results(house, "costs", project_ids=keys[0].project)

    assert {each["amount"]["currency"] for each in found} == {"eur"}
    assert sum(Decimal(each["amount"]["value"]) for each in found) == spent_by(rows, "EUR")


def test_emissions_are_the_sum_of_the_ledger(house: Replicas, keys: list[Key], rows: Rows) -> None:
    found = results(house, "usage/emissions", project_ids=keys[0].project)

    assert total(found, "emissions_kgCO2eq") * 1000 == spent_by(rows, "gCO2e")


@pytest.mark.parametrize("spelling", ["group_by", "group_by[]", "group_by%5B%5D"])
def test_groups_add_up_to_the_whole(house: Replicas, keys: list[Key], rows: Rows, spelling: str) -> None:
    found = results(house, "usage/completions", project_ids=keys[0].project, **{spelling: "api_key_id"})

    by_key: dict[str, Decimal] = defaultdict(Decimal)
    for each in found:
        by_key[each["api_key_id"]] += each["num_model_requests"]
    assert set(by_key) == {key.id for key in keys}
    assert sum(by_key.values()) == len(rows)


def test_usage_of_the_project_itself_is_the_same(house: Replicas, keys: list[Key], rows: Rows) -> None:
    told = [exact(house.admin.client(key).get("/usage").text) for key in keys for _ in house.gateways]

    assert {each["requests"] for each in told} == {len(rows)}
    assert {each["cost_eur"] for each in told} == {spent_by(rows, "EUR")}
    assert {each["emissions_kgCO2eq"] * 1000 for each in told} == {spent_by(rows, "gCO2e")}


def test_official_sdk_reads_the_same_figures(house: Replicas, keys: list[Key], rows: Rows) -> None:
    start = int(time.time()) - A_DAY_S
    with openai.OpenAI(admin_api_key=ADMIN_KEY, api_key="unused", base_url=f"{house.next().url}/v1") as sdk:
        admin = sdk.admin.organization
        usage = admin.usage.completions(
            start_time=start,
            project_ids=[keys[0].project],
            group_by=["project_id", "model"],
            bucket_width="1h",
            limit=48,
        )
        costs = admin.usage.costs(start_time=start, project_ids=[keys[0].project])

        counted = sum(result.num_model_requests for bucket in usage.data for result in bucket.results)
        euros = sum(result.amount.value for bucket in costs.data for result in bucket.results)

    assert counted == len(rows)
    assert euros == pytest.approx(float(spent_by(rows, "EUR")), rel=1e-9)
