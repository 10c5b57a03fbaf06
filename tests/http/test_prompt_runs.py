"""Runs of prompts read back over HTTP: listed newest first, and summed by version to the digit of their receipts."""

from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.gateway import exact
from tests.http.accounts import Administrator, Caller
from tests.http.prompts import Team, draft, failed, team
from tests.upstream import Upstream

RUNS = "/api/v1/runs"


@pytest.fixture(scope="module")
def shop(admin: Administrator) -> Team:
    return team(admin)


@pytest.fixture(scope="module")
def history(shop: Team, upstream: Upstream) -> tuple[str, list[dict[str, Any]]]:
    """A prompt with runs of two versions, newest last, as their answers told them; the fifth fails."""
    name = shop.published("{{question}}", name="Réponses / été")
    shop.added(name, draft("{{question}}", model="mistral-large-latest"))
    told = []
    for number in range(6):
        question = upstream.expect(**({"status": 400} if number == 4 else {}))
        response = shop.run(name, {"question": question}, version=1 + number % 2)
        assert response.status_code == (500 if number == 4 else 200)
        told.append({"id": response.headers["X-Request-Id"]} | exact(response.text))
    return name, told


def listed(shop: Team, **query: str) -> dict[str, Any]:
    response = asked(shop, RUNS, **query)
    assert response.status_code == 200, response.text
    return exact(response.text)


def asked(shop: Team, path: str, **query: str) -> requests.Response:
    return Caller(shop.gateway, shop.key, "x-api-key").call("GET", path, **query)


def test_runs_are_listed_newest_first_with_what_their_answers_told(shop, history):
    name, told = history

    page = listed(shop, promptName=name)

    assert set(page) == {"success", "runs", "hasMore"}
    assert [run["requestId"] for run in page["runs"]] == [run["id"] for run in reversed(told)]
    for run, answer in zip(page["runs"], reversed(told), strict=True):
        if answer["success"]:
            receipt, usage = answer["metadata"], answer["usage"]
            assert run["status"] == "ok"
            assert (run["promptName"], run["promptVersion"]) == (name, answer["promptVersion"])
            assert (run["model"], run["agent"], run["route"]) == (answer["model"], "V2", "/api/v1/run")
            assert run["durationMs"] == answer["durationMs"]
            assert run["tokens"] == {
                "input": usage["input_tokens"],
                "output": usage["output_tokens"],
                "total": usage["total_tokens"],
            }
            assert run["costEur"] == receipt["pricing"]["total_cost"]
            assert run["emissionsGCO2eq"] == receipt["emissions_gCO2eq"]
        else:
            assert run["status"] == "error"


def test_pages_are_cut_by_the_last_run_and_filters_hold(shop, history):
    name, told = history

    first = listed(shop, promptName=name, limit="4")
    rest = listed(shop, promptName=name, limit="4", after=first["runs"][-1]["requestId"])
    second_version = listed(shop, promptName=name, version="2")
    errors = listed(shop, status="error", promptName=name)
    between = listed(shop, **{"from": first["runs"][3]["at"], "to": first["runs"][1]["at"]})

    assert (first["hasMore"], rest["hasMore"]) == (True, False)
    assert [run["requestId"] for run in first["runs"] + rest["runs"]] == [run["id"] for run in reversed(told)]
    assert {run["promptVersion"] for run in second_version["runs"]} == {2}
    assert [run["requestId"] for run in errors["runs"]] == [told[4]["id"]]
    assert between["runs"] == first["runs"][2:4]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"status": "fine"}, "status"),
        ({"version": "1"}, "version"),
        ({"version": "one", "promptName": "x"}, "version"),
        ({"from": "yesterday"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"after": "req_unknown"}, "after"),
        ({"after": "\x00"}, "after"),
    ],
)
def test_what_cannot_be_asked_is_named(shop, query, param):
    assert f"'{param}'" in failed(asked(shop, RUNS, **query), 400)


def test_another_projects_runs_and_prompts_are_not_there(history, admin):
    name, told = history
    stranger = team(admin)

    assert listed(stranger)["runs"] == []
    assert "not found" in failed(asked(stranger, RUNS, promptName=name), 404)
    assert failed(asked(stranger, RUNS, after=told[0]["id"]), 400)
    assert failed(asked(stranger, f"/api/v1/prompts/{quoted(name)}/statistics"), 404)


def quoted(name: str) -> str:
    return requests.utils.quote(name, safe="")


def test_statistics_of_each_version_add_up_to_its_receipts(shop, history):
    name, told = history

    answer = exact(asked(shop, f"/api/v1/prompts/{quoted(name)}/statistics").text)

    assert answer["promptName"] == name
    second, first = answer["versions"]
    for version, runs in ((first, told[0::2]), (second, told[1::2])):
        good = [run for run in runs if run["success"]]
        assert (version["runs"], version["errors"]) == (len(runs), len(runs) - len(good))
        assert version["errorRate"] == pytest.approx(Decimal(version["errors"]) / version["runs"])
        ledger = [shop.booked(run["id"]) for run in runs]
        assert version["costEur"] == sum(Decimal(row["cost_eur"]) for row in ledger)
        known = [run["metadata"]["emissions_gCO2eq"] for run in good]
        assert version["emissionsGCO2eq"] >= sum(known)
        durations = sorted(run["durationMs"] for run in good)
        assert version["latencyP50Ms"] == durations[(len(durations) - 1) // 2]
        assert version["latencyP95Ms"] == durations[-1]
    assert second["emissionsGCO2eq"] == sum(run["metadata"]["emissions_gCO2eq"] for run in told[1::2])
    assert second["tokens"]["total"] == sum(run["usage"]["total_tokens"] for run in told[1::2])
    newest = next(run for run in listed(shop, promptName=name)["runs"] if run["promptVersion"] == 2)
    assert second["lastRunAt"] == newest["at"]


def test_statistics_are_of_the_time_that_is_asked_for(shop, history):
    name, _ = history

    past = asked(shop, f"/api/v1/prompts/{quoted(name)}/statistics", **{"from": "2020-01-01", "to": "2020-02-01"})

    body = exact(past.text)
    assert (body["from"], body["to"], body["versions"]) == ("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z", [])


def test_runs_of_a_deleted_prompt_stay_without_its_name(shop, upstream):
    name = shop.published(upstream.expect())
    request_id = shop.run(name).headers["X-Request-Id"]

    shop.written(lambda kept: kept.delete(shop.project_id, name))

    run = next(run for run in listed(shop)["runs"] if run["requestId"] == request_id)
    assert (run["promptName"], run["promptVersion"]) == (None, 1)


def test_key_restricted_to_runs_reads_no_books(admin):
    restricted = team(admin, "surface:run")

    for path in (RUNS, "/api/v1/prompts/x/statistics"):
        assert "surface:prompts" in failed(asked(restricted, path), 403)
