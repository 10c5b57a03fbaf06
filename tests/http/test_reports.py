"""Usage, costs and emissions: what the administrators' reports say is what the ledger says, to the digit (6.2)."""

import csv
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openai
import pytest
import requests

from tests.gateway import SECRET, Client, Gateway, exact, run, vendors
from tests.http.accounts import Administrator, Caller
from tests.upstream import Upstream

ADMIN_KEY = "sk-admin-" + "acceptance0123456789" * 3
DAY = 86_400
MODELS = ("gpt-4o", "mistral-large-latest")
FORMULA = "=HYPERLINK(1)"
USAGE = "/v1/organization/usage/completions"
COSTS = "/v1/organization/costs"
EMISSIONS = "/v1/organization/usage/emissions"
EXPORT = "/v1/organization/usage/export"
EMPTY = [f"/v1/organization/usage/{kind}" for kind in ("embeddings", "audio_transcriptions", "audio_speeches")]


@pytest.fixture(scope="module")
def kept(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway with some requests in its book, one of them by somebody with a treacherous name."""
    gateway = gateway_with(**vendors(upstream), ROUTER_JWT_SECRET=SECRET, ROUTER_ADMIN_KEY=ADMIN_KEY)
    client = Client(gateway, gateway.token())
    for model in (*MODELS, MODELS[0]):
        assert client.ask(upstream.expect(), model=model).ok
    client.ask(upstream.expect(status=500, body=b"broken"))
    named = run(gateway.folder, "token", FORMULA, env=gateway.env).stdout.strip()
    assert Client(gateway, named).ask(upstream.expect(), model=MODELS[0]).ok
    return gateway


@pytest.fixture(scope="module")
def sdk(kept: Gateway) -> openai.OpenAI:
    return openai.OpenAI(api_key="none", admin_api_key=ADMIN_KEY, base_url=f"{kept.url}/v1", max_retries=0)


def fetch(gateway: Gateway, path: str, query: str = "", key: str = ADMIN_KEY) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return requests.get(f"{gateway.url}{path}?{query}", headers=headers, timeout=20)


def since(days: int = 2) -> str:
    return f"start_time={today() - days * DAY}"


def today() -> int:
    now = int(time.time())
    return now - now % DAY


def results(gateway: Gateway, path: str, query: str) -> list[dict[str, Any]]:
    answer = fetch(gateway, path, query)
    assert answer.status_code == 200, answer.text
    return [result for bucket in exact(answer.text)["data"] for result in bucket["results"]]


def booked(gateway: Gateway, figure: str, model: str | None = None) -> Decimal:
    rows = [row for row in gateway.books() if model in {None, row["model"]}]
    return sum((Decimal(row[figure]) for row in rows if row[figure] is not None), Decimal(0))


def test_sdk_walks_through_the_pages_of_usage_and_finds_the_book(kept: Gateway, sdk: openai.OpenAI) -> None:
    usage = sdk.admin.organization.usage
    asked: dict[str, Any] = {"start_time": today() - 9 * DAY, "limit": 4, "group_by": ["model", "project_id"]}
    page = usage.completions(**asked)
    buckets = list(page.data)
    while page.has_more:
        assert page.next_page
        page = usage.completions(**asked, page=page.next_page)
        buckets += page.data

    found: list[Any] = [result for bucket in buckets for result in bucket.results]

    assert page.next_page is None
    assert [bucket.start_time for bucket in buckets] == [today() - days * DAY for days in range(9, -1, -1)]
    assert all(bucket.end_time == bucket.start_time + DAY for bucket in buckets)
    assert {result.project_id for result in found} == {"proj-default"}
    assert {result.model for result in found} >= set(MODELS)
    assert sum(result.num_model_requests for result in found) == len(kept.books())
    for model in MODELS:
        of_model = [result for result in found if result.model == model]
        assert sum(result.input_tokens for result in of_model) == booked(kept, "input_tokens", model)
        assert sum(result.output_tokens for result in of_model) == booked(kept, "output_tokens", model)


def test_sdk_reads_costs_by_line_item_that_add_up(kept: Gateway, sdk: openai.OpenAI) -> None:
    page = sdk.admin.organization.usage.costs(start_time=today(), group_by=["line_item"])

    found: list[Any] = [result for bucket in page.data for result in bucket.results]
    assert {result.line_item for result in found} >= {
        f"{model}, {side}" for model in MODELS for side in ("input", "output")
    }
    assert {result.amount.currency for result in found} == {"eur"}
    parts = results(kept, COSTS, f"{since()}&group_by=line_item")
    assert sum(part["amount"]["value"] for part in parts) == booked(kept, "cost_eur")
    one = results(kept, COSTS, f"{since()}&line_items=gpt-4o, input&group_by=line_item")
    assert [part["line_item"] for part in one] == ["gpt-4o, input"]


def test_costs_are_the_sum_of_the_book(kept: Gateway) -> None:
    [whole] = results(kept, COSTS, since())

    assert whole["amount"] == {"value": booked(kept, "cost_eur"), "currency": "eur"}
    assert (whole["line_item"], whole["project_id"], whole["api_key_id"]) == (None, None, None)


@pytest.mark.parametrize("width", ["1m", "1h", "1d"])
def test_buckets_of_every_width_add_up_to_the_book(kept: Gateway, width: str) -> None:
    start = int(min(datetime.fromisoformat(row["time"]) for row in kept.books()).timestamp()) - 60

    found = results(kept, EMISSIONS, f"start_time={start}&bucket_width={width}")

    assert sum(result["emissions_kgCO2eq"] for result in found) == booked(kept, "emissions_kgCO2eq")
    assert sum(result["num_model_requests"] for result in found) == len(kept.books())


def test_emissions_name_their_range_methods_basis_and_coverage(kept: Gateway) -> None:
    [whole] = results(kept, EMISSIONS, since())

    assert whole["object"] == "organization.usage.emissions.result"
    assert whole["emissions_min_kgCO2eq"] < whole["emissions_kgCO2eq"] < whole["emissions_max_kgCO2eq"]
    assert whole["coverage"] == {"requests": 1, "output_tokens": 1}
    assert [method.partition("==")[0] for method in whole["methods"]] == ["ecologits"]
    assert (whole["basis"], whole["warnings"]) == (["ecologits"], [])
    by_method = results(kept, EMISSIONS, f"{since()}&group_by=method,zone")
    assert sum(part["emissions_kgCO2eq"] for part in by_method) == whole["emissions_kgCO2eq"]


def test_every_spelling_of_a_list_says_the_same(kept: Gateway) -> None:
    spellings = [
        "group_by=model&group_by=project_id&models=gpt-4o&models=gpt-3.5-turbo",
        "group_by[]=model&group_by[]=project_id&models[]=gpt-4o&models[]=gpt-3.5-turbo",
        "group_by%5B%5D=model&group_by%5B%5D=project_id&models%5B%5D=gpt-4o,gpt-3.5-turbo",
        "group_by=model,project_id&models=gpt-4o,gpt-3.5-turbo",
    ]

    answers = [results(kept, USAGE, f"{since()}&{spelling}") for spelling in spellings]

    assert answers[0]
    assert all(answer == answers[0] for answer in answers)
    assert {result["model"] for result in answers[0]} == {"gpt-4o"}


def test_days_without_requests_are_empty_buckets(kept: Gateway) -> None:
    page = fetch(kept, USAGE, f"start_time={today() - 3 * DAY + 7}&end_time={today() - DAY}").json()

    assert [(bucket["start_time"], bucket["results"]) for bucket in page["data"]] == [
        (today() - 3 * DAY, []),
        (today() - 2 * DAY, []),
    ]
    assert (page["object"], page["has_more"], page["next_page"]) == ("page", False, None)


@pytest.mark.parametrize("path", EMPTY)
def test_usage_that_nobody_had_is_empty(kept: Gateway, path: str) -> None:
    page = fetch(kept, path, since()).json()

    assert [bucket["results"] for bucket in page["data"]] == [[], [], []]


def test_batches_there_are_none(kept: Gateway) -> None:
    assert results(kept, USAGE, f"{since()}&batch=true") == []
    assert results(kept, USAGE, f"{since()}&batch=false") == results(kept, USAGE, since())


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        (USAGE, "", "start_time"),
        (USAGE, "start_time=yesterday", "start_time"),
        (USAGE, "start_time=-1", "start_time"),
        (USAGE, "start_time=999999999999", "start_time"),
        (USAGE, "start_time=10&end_time=10", "end_time"),
        (USAGE, "start_time=10&end_time=1e9", "end_time"),
        (USAGE, "start_time=10&start_time=11", "start_time"),
        (USAGE, "start_time=10&bucket_width=2h", "bucket_width"),
        (COSTS, "start_time=10&bucket_width=1h", "bucket_width"),
        (USAGE, "start_time=10&limit=32", "limit"),
        (USAGE, "start_time=10&limit=0", "limit"),
        (USAGE, "start_time=10&limit=169&bucket_width=1h", "limit"),
        (COSTS, "start_time=10&limit=181", "limit"),
        (USAGE, "start_time=10&group_by=line_item", "group_by"),
        (COSTS, "start_time=10&group_by=model", "group_by"),
        (USAGE, "start_time=10&batch=maybe", "batch"),
        (USAGE, "start_time=10&model=gpt-4o", "model"),
        (USAGE, "start_time=10&page=page_Mi5hYmM", "page"),
        (USAGE, "start_time=10&page=%C3%A9", "page"),
        (EXPORT, "start_time=10&format=xls", "format"),
        (EXPORT, "start_time=10&page=x", "page"),
    ],
)
def test_parameter_that_is_wrong_is_named(kept: Gateway, path: str, query: str, param: str) -> None:
    answer = fetch(kept, path, query)

    assert answer.status_code == 400, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert (answer.json()["error"]["type"], answer.json()["error"]["param"]) == ("invalid_request_error", param)


def test_page_of_another_query_is_refused(kept: Gateway) -> None:
    page = fetch(kept, USAGE, f"{since(9)}&limit=2").json()["next_page"]

    assert fetch(kept, USAGE, f"{since(9)}&limit=3&page={page}").status_code == 200
    assert fetch(kept, USAGE, f"{since(8)}&limit=2&page={page}").json()["error"]["param"] == "page"


@pytest.mark.parametrize("path", [USAGE, COSTS, EMISSIONS, EXPORT, *EMPTY])
def test_reports_are_for_administrators(kept: Gateway, path: str) -> None:
    assert fetch(kept, path, since(), key="").status_code == 401
    assert fetch(kept, path, since(), key=ADMIN_KEY[:-1] + "x").status_code == 401
    assert fetch(kept, path, since(), key=kept.token()).status_code == 403
    assert fetch(kept, path, since()).status_code == 200


def test_exported_csv_adds_up_and_holds_no_formula(kept: Gateway) -> None:
    answer = fetch(kept, EXPORT, f"{since(40)}&group_by=user_id&group_by=model")

    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert answer.content.count(b"\r\n") == len(rows) + 1
    assert sum(Decimal(row["cost_eur"]) for row in rows) == booked(kept, "cost_eur")
    assert sum(Decimal(row["emissions_kgCO2eq"]) for row in rows) == booked(kept, "emissions_kgCO2eq")
    assert {row["user_id"] for row in rows} == {"user", f"'{FORMULA}"}
    served = [row for row in rows if row["model"] == "gpt-4o" and row["basis"]]
    assert served
    for row in served:
        assert (row["method"].partition("==")[0], row["basis"], row["zone"]) == ("ecologits", "ecologits", "USA")
        assert Decimal(row["grid_kgCO2eq_per_kWh"]) > 0
        assert row["exchange_rates"].startswith("1 EUR = ")


def test_exported_json_says_what_the_csv_says(kept: Gateway) -> None:
    query = f"{since(40)}&group_by=user_id&bucket_width=1h"
    answer = fetch(kept, EXPORT, f"{query}&format=json")

    told = exact(answer.text)["data"]

    rows = list(csv.DictReader(io.StringIO(fetch(kept, EXPORT, query).text, newline="")))
    assert answer.headers["Content-Disposition"].endswith('.json"')
    assert [Decimal(row["cost_eur"]) for row in rows] == [row["cost_eur"] for row in told]
    assert {row["user_id"] for row in told} == {"user", FORMULA}


def test_command_prints_what_the_book_holds(kept: Gateway) -> None:
    printed = run(kept.folder, "usage", "--by", "model", "--json", env=kept.env)
    table = run(kept.folder, "usage", "--by", "day", "--by", "project", env=kept.env)
    sheet = run(kept.folder, "usage", "--by", "key", "--csv", "--to", "2999-01-01", env=kept.env)

    rows = [exact(line) for line in printed.stdout.splitlines()]
    assert sum(row["cost_eur"] for row in rows) == booked(kept, "cost_eur"), printed.stderr
    assert {row["model"] for row in rows} >= set(MODELS)
    assert datetime.now(UTC).strftime("%Y-%m-%d") in table.stdout, table.stderr
    assert "proj-default" in table.stdout
    assert sheet.stdout.startswith("start_time,"), sheet.stderr
    assert run(kept.folder, "usage", "--from", "yesterday", env=kept.env).returncode != 0


def test_usage_of_a_key_wants_a_key(kept: Gateway) -> None:
    client = Client(kept, kept.token())

    assert client.get("/usage", key="mine").json()["error"]["param"] == "key"
    assert client.get("/usage", key="key_of_nobody").json()["requests"] == 0


def test_figures_of_a_key_are_its_own(kept: Gateway, upstream: Upstream) -> None:
    admin = Administrator(kept, ADMIN_KEY)
    project = admin.project()
    one, other, foreign = admin.key(project), admin.key(project), admin.key(admin.project())
    asks = {one["id"]: 2, other["id"]: 1, foreign["id"]: 1}
    for key in (one, other, foreign):
        for _ in range(asks[key["id"]]):
            assert Caller(kept, key["value"]).ask(upstream.expect()).ok

    page = admin.sdk.admin.organization.usage.completions(
        start_time=today(), group_by=["api_key_id", "project_id"], api_key_ids=list(asks)
    )

    found: list[Any] = [result for bucket in page.data for result in bucket.results]
    assert {result.api_key_id: result.num_model_requests for result in found} == asks
    assert {result.project_id for result in found if result.api_key_id != foreign["id"]} == {project}
    mine, ids = Caller(kept, one["value"]), ("mine", one["id"], other["id"], foreign["id"])
    assert [mine.call("GET", "/usage", key=key).json()["requests"] for key in ids] == [2, 2, 1, 0]
    assert mine.call("GET", "/usage").json()["requests"] == 3
    whole = results(kept, USAGE, f"{since()}&project_ids={project}")
    assert [result["num_model_requests"] for result in whole] == [3]
