"""Golden samples over HTTP: kept, held against a version in a batch, each run a request of its own (3.2.6)."""

from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.gateway import Client, exact
from tests.http.accounts import Administrator, Caller, within
from tests.http.prompts import Team, draft, failed, team
from tests.upstream import STORY
from tests.wire import leave, posting

SAMPLES = "/api/v1/prompts/{}/samples"
HISTORY = "Il était une fois.\nEt puis ce fut fini."


@pytest.fixture(scope="module")
def shop(admin: Administrator) -> Team:
    return team(admin)


@pytest.fixture
def name(shop: Team) -> str:
    return shop.published("{{question}}", "Tu es {{ton}}.")


def call(shop: Team, method: str, path: str, body: object = None, **query: str) -> requests.Response:
    return Caller(shop.gateway, shop.key, "x-api-key").call(method, path, body, **query)


def done(response: requests.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    body = exact(response.text)
    assert body["success"] is True
    return body


def kept(shop: Team, name: str, called: str, question: str, **fields: object) -> dict[str, Any]:
    body = {"name": called, "variables": {"question": question, "ton": "bref"}} | fields
    return done(call(shop, "POST", SAMPLES.format(name), body))


def ran(shop: Team, name: str, **body: object) -> dict[str, Any]:
    return done(call(shop, "POST", SAMPLES.format(name) + "/run", body))


def test_sample_is_kept_read_listed_and_deleted(shop, name):
    path = SAMPLES.format(name)
    made = [kept(shop, name, f"cas {n}", "?", output=HISTORY, version=1) for n in range(3)]

    first = done(call(shop, "GET", path, limit="2"))
    rest = done(call(shop, "GET", path, limit="2", after=first["samples"][-1]["id"]))
    alone = done(call(shop, "GET", f"{path}/{made[1]['id']}"))
    done(call(shop, "DELETE", f"{path}/{made[1]['id']}"))

    assert [each["name"] for each in first["samples"] + rest["samples"]] == ["cas 0", "cas 1", "cas 2"]
    assert (first["hasMore"], rest["hasMore"]) == (True, False)
    assert alone == made[1]
    assert (alone["output"], alone["version"], alone["requestId"]) == (HISTORY, 1, None)
    assert alone["variables"] == {"question": "?", "ton": "bref"}
    assert "no sample" in failed(call(shop, "GET", f"{path}/{made[1]['id']}"), 404)
    assert failed(call(shop, "DELETE", f"{path}/{made[1]['id']}"), 404)


def test_sample_without_an_answer_is_run_once_and_booked(shop, name, upstream):
    sample = kept(shop, name, "cas", upstream.expect())

    assert (sample["output"], sample["version"]) == ("".join(STORY), 1)
    assert sample["metadata"]["request_id"] == sample["requestId"]
    row = shop.booked(sample["requestId"])
    assert (row["route"], row["prompt_version"], row["status"]) == (
        "/api/v1/prompts/{name}/samples",
        1,
        "ok",
    )
    assert Decimal(row["cost_eur"]) == sample["metadata"]["pricing"]["total_cost"]


def test_batch_tells_identical_modified_and_error_apart_and_adds_up(shop, name, upstream):
    same = kept(shop, name, "same", upstream.expect(), output="".join(STORY))
    other = kept(
        shop, name, "other", upstream.expect(pieces=("Il était", " deux fois.\nEt puis ce fut fini.")), output=HISTORY
    )
    wrong = kept(shop, name, "wrong", upstream.expect(status=400), output=HISTORY)
    lacking = done(call(shop, "POST", SAMPLES.format(name), {"name": "lacking", "output": "x"}))

    report = ran(shop, name)

    results = {each["name"]: each for each in report["results"]}
    assert list(results) == ["same", "other", "wrong", "lacking"]
    assert (report["promptName"], report["promptVersion"], report["model"], report["agent"]) == (
        name,
        1,
        "gpt-4o",
        "V2",
    )
    assert [each["verdict"] for each in results.values()] == ["identical", "modified", "error", "error"]
    assert (results["same"]["similarity"], results["same"]["diff"]) == (1, "")
    assert Decimal("0.8") < results["other"]["similarity"] < 1
    assert results["other"]["diff"].splitlines()[1:] == [
        "-Il était une fois.",
        "+Il était deux fois.",
        " Et puis ce fut fini.",
    ]
    assert "refuses the prompt" in results["wrong"]["error"]
    assert results["lacking"]["error"].endswith("Missing variables: ton, question")
    assert (results["lacking"]["requestId"], results["lacking"]["resolvedModel"]) == (None, None)
    assert results["same"]["resolvedModel"] == "gpt-4o"
    assert results["same"]["sampleId"] == same["id"]
    assert {wrong["id"], other["id"]} <= {each["sampleId"] for each in results.values()}
    totals = report["totals"]
    assert (totals["identical"], totals["modified"], totals["errors"], totals["notRun"]) == (1, 1, 2, 0)
    assert (report["stopped"], report["notRun"]) == (None, [])
    assert lacking["version"] is None
    assert_books_agree(shop, report)


def assert_books_agree(shop: Team, report: dict[str, Any]) -> None:
    """Check that every run is in the book as a request of its own, and that the totals are their sum."""
    let_in = [each for each in report["results"] if each["requestId"] is not None]
    rows = [shop.booked(each["requestId"]) for each in let_in]
    assert {row["route"] for row in rows} == {"/api/v1/prompts/{name}/samples/run"}
    for each, row in zip(let_in, rows, strict=True):
        assert row["status"] == ("error" if each["verdict"] == "error" else "ok")
        assert Decimal(row["cost_eur"]) == each["costEur"]
    assert report["totals"]["costEur"] == sum(Decimal(row["cost_eur"]) for row in rows)
    for total, unknown, figure in (
        ("emissionsGCO2eq", "emissionsUnknown", "emissionsGCO2eq"),
        ("waterLiters", "waterUnknown", "waterLiters"),
    ):
        known = [each[figure] for each in let_in if each[figure] is not None]
        assert report["totals"][total] == sum(known)
        assert report["totals"][unknown] == len(let_in) - len(known)
    durations = sorted(each["durationMs"] for each in report["results"] if each["verdict"] != "error")
    assert report["totals"]["latencyP50Ms"] == durations[(len(durations) - 1) // 2]


def test_batch_is_of_the_version_and_the_samples_that_are_named(shop, name, upstream):
    shop.added(name, draft("{{question}} Autrement.", model="mistral-large-latest"))
    questions = [upstream.expect() for _ in range(3)]
    made = [kept(shop, name, f"cas {n}", question, output="".join(STORY)) for n, question in enumerate(questions)]

    report = ran(shop, name, version=2, samples=[made[2]["id"], made[0]["id"]])

    assert [each["sampleId"] for each in report["results"]] == [made[2]["id"], made[0]["id"]]
    assert (report["promptVersion"], report["model"]) == (2, "mistral-large-latest")
    assert [len(upstream.seen(question)) for question in questions] == [1, 0, 1]


def test_spent_budget_stops_the_rest_and_says_so(admin, upstream):
    poor = team(admin)
    name = poor.published("{{question}}{{ton}}")
    for number in range(8):
        kept(poor, name, f"cas {number}", upstream.expect(), output="x")
    budget = {"scope": "project", "scope_id": poor.project_id, "unit": "EUR", "window": "day", "kind": "hard"}
    admin.made("/v1/organization/budgets", budget | {"limit": "0.000000000000000001"})

    report = ran(poor, name)

    assert "budget" in report["stopped"]
    assert 1 <= report["totals"]["errors"] <= 4
    assert report["totals"]["notRun"] == len(report["notRun"]) == 8 - report["totals"]["errors"]
    assert (report["totals"]["costEur"], poor.rows()) == (0, [])


def test_key_with_one_place_runs_its_samples_one_after_the_other(admin, upstream):
    narrow = team(admin)
    name = narrow.published("{{question}}{{ton}}")
    for number in range(5):
        kept(narrow, name, f"cas {number}", upstream.expect(), output="".join(STORY))
    (key,) = admin.call("GET", f"/v1/organization/projects/{narrow.project_id}/api_keys").json()["data"]
    limited = admin.call("PUT", f"/v1/organization/limits/key/{key['id']}", {"concurrent_requests": 1})
    assert limited.status_code == 200, limited.text

    report = ran(narrow, name)

    assert report["totals"]["identical"] == 5, report


def booked(shop: Team, name: str) -> list[dict[str, Any]]:
    return done(call(shop, "GET", "/api/v1/runs", promptName=name))["runs"]


def test_client_that_leaves_ends_the_batch_and_pays_for_what_was_used(shop, name, upstream):
    questions = [upstream.expect(hold_after=0) for _ in range(7)]
    for number, question in enumerate(questions):
        kept(shop, name, f"cas {number}", question, output="x")

    with posting(Client(shop.gateway, shop.key), path=SAMPLES.format(name.replace(" ", "%20")) + "/run") as wire:
        assert within(10, lambda: sum(bool(upstream.seen(question)) for question in questions) == 4)
        leave(wire)
        running = [seen for question in questions for seen in upstream.seen(question)]

        assert all(seen.dropped.wait(5) for seen in running)

    assert within(5, lambda: len(booked(shop, name)) == 4)
    assert [run["status"] for run in booked(shop, name)] == ["client_gone"] * 4
    assert sum(len(upstream.seen(question)) for question in questions) == 4


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "name"),
        ({"name": "x", "output": "y", "more": 1}, 400, "more"),
        ({"name": "x", "output": "y", "variables": {"ton": ["a"]}}, 400, "variables"),
        ({"name": "x\u0007", "output": "y"}, 400, "name"),
        ({"name": "x", "output": "y\u0000"}, 400, "NUL"),
        ({"name": "x", "output": "y", "version": 9}, 404, "version 9"),
        ({"name": "x", "version": 9}, 404, "version 9"),
        ({"name": "x"}, 400, "Missing variables: ton, question"),
        ({"name": "taken", "output": "y"}, 409, "taken"),
        # Told before anything is spent on an answer: of the variables that are missing nobody hears.
        ({"name": "x", "variables": {f"v{number}": 1 for number in range(1_001)}}, 400, "at most 1000 variables"),
    ],
)
def test_sample_that_cannot_be_kept_is_refused_with_its_reason(shop, crowded, body, status, said):
    assert said in failed(call(shop, "POST", SAMPLES.format(crowded), body), status)


@pytest.fixture(scope="module")
def crowded(shop: Team) -> str:
    name = shop.published("{{question}}", "Tu es {{ton}}.")
    kept(shop, name, "taken", "?", output="x")
    return name


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"version": 1, "label": "production"}, 400, "not both"),
        ({"version": 7}, 404, "version 7"),
        ({"samples": []}, 400, "samples"),
        ({"samples": ["smp_none"]}, 404, "no sample"),
        ({"samples": ["\u0000"]}, 404, "no sample"),
        ({"samples": ["smp_none"] * 101}, 400, "samples"),
        ({"other": 1}, 400, "other"),
    ],
)
def test_batch_that_cannot_be_run_is_refused_with_its_reason(shop, crowded, body, status, said):
    assert said in failed(call(shop, "POST", SAMPLES.format(crowded) + "/run", body), status)


def test_another_projects_samples_are_not_there(crowded, admin):
    stranger = team(admin)
    path = SAMPLES.format(crowded)

    answers = [call(stranger, "GET", path), call(stranger, "POST", path + "/run", {})]

    assert all("not found" in failed(answer, 404) for answer in answers)


def test_key_needs_both_scopes_to_run_samples(admin):
    reader = team(admin, "surface:prompts")
    name = reader.published("{{question}}{{ton}}")
    kept(reader, name, "given", "?", output="x")

    asked = [call(reader, "POST", SAMPLES.format(name) + "/run", {})]
    asked.append(call(reader, "POST", SAMPLES.format(name), {"name": "made"}))
    runner = Caller(reader.gateway, admin.key(reader.project_id, ("surface:run",))["value"])

    assert all("surface:run" in failed(answer, 403) for answer in asked)
    assert "surface:prompts" in failed(runner.call("POST", SAMPLES.format(name) + "/run", {}), 403)
