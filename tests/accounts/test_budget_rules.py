"""What a budget refuses, what it leaves open, and what it says of itself (6.6, 6.6b)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.accounts.honest import Script, text_of
from tests.faults.served import until
from tests.faults.upstream import FaultyUpstream
from tests.gateway import refused
from tests.replicas import Key, Replicas
from tests.wire import stream

BUDGET_KEYS = {"id", "scope", "scope_id", "unit", "limit", "window", "kind", "emails", "timezone"}
BUDGET_KEYS |= {"spent", "reserved", "remaining", "resets_at"}
TINY = "0.000000001"
CODES = [("EUR", "budget_exceeded_eur"), ("gCO2e", "budget_exceeded_co2e")]


@pytest.fixture
def key(pair: Replicas) -> Key:
    return pair.admin.key()


@pytest.fixture
def drop(pair: Replicas) -> Iterator[list[str]]:
    """Budgets to be dropped when the test is over."""
    ids: list[str] = []
    yield ids
    for each in ids:
        pair.admin.call("DELETE", f"/v1/organization/budgets/{each}")


def scoped(key: Key, scope: str) -> dict[str, str]:
    return {"scope": scope} | {"project": {"scope_id": key.project}, "key": {"scope_id": key.id}}.get(scope, {})


def ask(replicas: Replicas, key: Key, model: str = "my-honest", **fields: object) -> requests.Response:
    return replicas.admin.client(key).ask(f"Bonjour {Script(7)}", model=model, max_tokens=20, **fields)


@pytest.mark.parametrize(("unit", "code"), CODES)
@pytest.mark.parametrize(("scope", "streamed"), [("organization", False), ("project", True), ("key", False)], ids=str)
def test_spent_budget_refuses_in_the_family_of_the_route_and_calls_nobody(
    pair: Replicas,
    vendor: FaultyUpstream,
    key: Key,
    drop: list[str],
    unit: str,
    code: str,
    scope: str,
    *,
    streamed: bool,
) -> None:
    drop.append(pair.admin.budget(TINY, unit, **scoped(key, scope))["id"])
    before = len(vendor.requests)

    response = ask(pair, key, stream=streamed)

    refused(response, 429, code)
    assert response.headers["x-should-retry"] == "false"
    assert len(vendor.requests) == before
    assert pair.count_of(key) == 0


def test_model_that_costs_nothing_stays_open(pair: Replicas, key: Key, drop: list[str]) -> None:
    drop.append(pair.admin.budget(TINY, **scoped(key, "key"))["id"])

    refused(ask(pair, key), 429, "budget_exceeded_eur")

    assert ask(pair, key, "my-free").status_code == 200


def test_raising_or_removing_the_limit_opens_at_once(pair: Replicas, key: Key, drop: list[str]) -> None:
    budget = pair.admin.budget(TINY, **scoped(key, "project"))["id"]
    drop.append(budget)
    assert ask(pair, key).status_code == 429

    pair.admin.done("PATCH", f"/v1/organization/budgets/{budget}", {"limit": "5"})
    raised = until(lambda: ask(pair, key).status_code == 200, 2)
    pair.admin.done("PATCH", f"/v1/organization/budgets/{budget}", {"limit": TINY})
    until(lambda: ask(pair, key).status_code == 429, 2)
    pair.admin.drop_budget(budget)
    removed = until(lambda: ask(pair, key).status_code == 200, 2)

    assert max(raised, removed) < 1


def test_budget_of_another_key_or_project_refuses_nobody_else(pair: Replicas, key: Key, drop: list[str]) -> None:
    sibling, stranger = pair.admin.key(key.project), pair.admin.key()

    drop.append(pair.admin.budget(TINY, **scoped(sibling, "key"))["id"])
    drop.append(pair.admin.budget(TINY, **scoped(stranger, "project"))["id"])

    assert [ask(pair, each).status_code for each in (key, sibling, stranger)] == [200, 429, 429]


def test_soft_budget_refuses_nothing(pair: Replicas, key: Key, drop: list[str]) -> None:
    mails = {"kind": "soft", "emails": ["ops@example.com"]}
    drop.append(pair.admin.budget(TINY, **scoped(key, "key"), **mails)["id"])

    assert [ask(pair, key).status_code for _ in range(3)] == [200] * 3


def test_answer_says_what_remains_of_the_tightest_budget(pair: Replicas, key: Key, drop: list[str]) -> None:
    budgets = {unit: pair.admin.budget("5", unit, **scoped(key, "key"))["id"] for unit, _ in CODES}
    drop.extend(budgets.values())
    drop.append(pair.admin.budget("700", **scoped(key, "project"))["id"])

    response = ask(pair, key)

    metadata = response.json()["metadata"]
    assert response.status_code == 200
    told = {
        unit: Decimal(response.headers[f"X-Budget-{'gCO2eq' if unit != 'EUR' else unit}-Remaining"]) for unit in budgets
    }
    assert set(told) == {"EUR", "gCO2e"}
    assert all(0 < left < 5 for left in told.values())
    left = {unit: pair.admin.figures(budget) for unit, budget in budgets.items()}
    # At least what is charged is missing; what was reserved for it may have been missing too.
    assert all(told[unit] <= left[unit].remaining for unit in told)
    assert left["EUR"].spent == Decimal(str(metadata["pricing"]["total_cost"]))


def test_answer_without_a_budget_says_nothing_of_one(pair: Replicas, key: Key) -> None:
    response = ask(pair, key)

    assert [name for name in response.headers if name.lower().startswith("x-budget")] == []


def test_stream_is_charged_and_released_like_a_whole_answer(pair: Replicas, key: Key, drop: list[str]) -> None:
    budget = pair.admin.budget("5", **scoped(key, "key"))["id"]
    drop.append(budget)

    last = stream(pair.admin.client(key), f"Bonjour {Script(7)}", model="my-honest", max_tokens=20).events[-1]

    figures = pair.admin.figures(budget)
    assert (figures.spent, figures.reserved) == (last["metadata"]["pricing"]["total_cost"], 0)


def test_budget_reads_back_as_it_was_written(pair: Replicas, key: Key, drop: list[str]) -> None:
    body = {"scope": "key", "scope_id": key.id, "unit": "gCO2e", "limit": "12.345678901234567890", "window": "day"}
    body |= {"kind": "soft", "emails": ["a@example.com", "b@example.com"], "timezone": "America/New_York"}

    made = pair.admin.done("POST", "/v1/organization/budgets", body)
    drop.append(made["id"])

    assert set(made) >= BUDGET_KEYS
    assert {name: made[name] for name in body if name != "limit"} == {n: v for n, v in body.items() if n != "limit"}
    assert Decimal(made["limit"]) == Decimal(body["limit"])
    path = f"/v1/organization/budgets/{made['id']}"
    assert pair.admin.done("GET", path) == made
    listed = pair.admin.done("GET", "/v1/organization/budgets")["data"]
    assert made in listed
    pair.admin.drop_budget(made["id"])
    assert pair.admin.call("GET", path).status_code == 404


ZONES = ["Europe/Paris", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Marquesas"]


@pytest.mark.parametrize("timezone", ZONES)
@pytest.mark.parametrize("window", ["day", "month"])
def test_window_ends_at_a_midnight_of_its_timezone(
    pair: Replicas, key: Key, drop: list[str], timezone: str, window: str
) -> None:
    before = datetime.now(UTC)
    made = pair.admin.budget("5", **scoped(key, "key"), window=window, timezone=timezone)
    drop.append(made["id"])

    # A test that runs over midnight sees one or the other.
    expected = {next_opening(moment, window, timezone) for moment in (before, datetime.now(UTC))}
    assert datetime.fromisoformat(made["resets_at"]).astimezone(UTC) in expected


def test_window_is_of_paris_unless_told_otherwise(pair: Replicas, key: Key, drop: list[str]) -> None:
    made = pair.admin.budget("5", **scoped(key, "key"))
    drop.append(made["id"])

    assert made["timezone"] == "Europe/Paris"


def next_opening(moment: datetime, window: str, timezone: str) -> datetime:
    day = moment.astimezone(ZoneInfo(timezone)).date()
    following = day + timedelta(days=1) if window == "day" else (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


WRONG = {
    "unknown-field": {"colour": "green"},
    "unit": {"unit": "USD"},
    "window": {"window": "week"},
    "kind": {"kind": "firm"},
    "scope": {"scope": "team"},
    "negative": {"limit": "-1"},
    "not-a-number": {"limit": "NaN"},
    "infinite": {"limit": "Infinity"},
    "no-limit": {"limit": None},
    "timezone": {"timezone": "Europe/Atlantis"},
    "email": {"emails": ["nobody"]},
    "scope-id-of-organization": {"scope": "organization", "scope_id": "proj-default"},
    "no-such-key": {"scope": "key", "scope_id": "key_missing"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_budget_is_refused_and_not_made(pair: Replicas, change: dict[str, object]) -> None:
    before = pair.admin.done("GET", "/v1/organization/budgets")["data"]
    body = {
        "scope": "project",
        "scope_id": "proj-default",
        "unit": "EUR",
        "limit": "5",
        "window": "day",
        "kind": "hard",
    }

    response = pair.admin.call("POST", "/v1/organization/budgets", body | change)

    assert response.status_code in ({404} if "no-such" in str(change) or "missing" in str(change) else {400})
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert pair.admin.done("GET", "/v1/organization/budgets")["data"] == before


def test_messages_past_the_budget_never_reach_the_vendor(pair: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    budget = pair.admin.budget("0.001", **scoped(key, "key"))["id"]
    huge = "x" * 150_000

    # Its input alone may cost more than all that is left: an average would have let it in.
    response = pair.admin.client(key).ask(huge, model="my-honest", max_tokens=1)

    refused(response, 429, "budget_exceeded_eur")
    assert not any(huge in text_of(request) for request in vendor.requests)
    pair.admin.drop_budget(budget)
