"""A budget is in force when its making is answered, and out of force when its end is (6.6)."""

import re
from decimal import Decimal

import pytest
import requests

from tests.admin import ADMIN_KEY, Admin, read
from tests.admin import BUDGETS as PATH
from tests.gateway import SECRET, Client, refused, run, vendors

HEADERS = {"EUR": "X-Budget-EUR-Remaining", "gCO2e": "X-Budget-gCO2eq-Remaining"}
CODES = {"EUR": "budget_exceeded_eur", "gCO2e": "budget_exceeded_co2e"}


@pytest.fixture
def client(budgeted) -> Client:
    return Client(budgeted, budgeted.token())


@pytest.mark.parametrize("unit", ["EUR", "gCO2e"])
def test_a_hard_budget_stops_at_once_and_a_raised_or_removed_one_lets_in_at_once(admin, client, unit):
    project = {"scope": "project", "scope_id": f"proj-stopped-{unit}", "unit": unit}
    assert client.ask("Tell me a story", project_id=project["scope_id"]).ok

    made = admin.made(limit="0.000000000000000001", **project)
    stopped = client.ask("Tell me a story", project_id=project["scope_id"])
    admin.call("PATCH", f"{PATH}/{made['id']}", {"limit": "1000"})
    raised = client.ask("Tell me a story", project_id=project["scope_id"])
    admin.call("PATCH", f"{PATH}/{made['id']}", {"limit": str(made["spent"])})
    lowered = client.ask("Tell me a story", project_id=project["scope_id"])
    admin.call("DELETE", f"{PATH}/{made['id']}")
    removed = client.ask("Tell me a story", project_id=project["scope_id"])

    for response in (stopped, lowered):
        refused(response, 429, CODES[unit])
        assert response.headers["X-Should-Retry"] == "false"
        assert "Retry-After" not in response.headers
    assert (raised.status_code, removed.status_code) == (200, 200)
    assert HEADERS[unit] in raised.headers
    assert HEADERS[unit] not in removed.headers


@pytest.mark.parametrize("unit", ["EUR", "gCO2e"])
def test_what_an_answer_cost_is_spent_when_it_arrives_and_nothing_stays_reserved(admin, client, budgeted, unit):
    project = {"scope": "project", "scope_id": f"proj-charged-{unit}", "unit": unit}
    client.ask("Tell me a story", project_id=project["scope_id"])
    made = admin.made(limit="1000", **project)

    answer = client.ask("Tell me a story", project_id=project["scope_id"])
    state = read(admin.call("GET", f"{PATH}/{made['id']}"))

    row = budgeted.row(answer.headers["X-Request-Id"])
    cost = row["cost_eur"] if unit == "EUR" else row["emissions_kgCO2eq"] * 1000
    assert state["spent"] == made["spent"] + cost
    assert state["reserved"] == 0
    assert state["remaining"] == 1000 - state["spent"]
    assert Decimal(answer.headers[HEADERS[unit]]) == state["remaining"]


@pytest.mark.parametrize("unit", ["EUR", "gCO2e"])
def test_figures_are_plain_wherever_they_are_shown(admin, client, budgeted, unit):
    made = admin.made(scope="project", scope_id="proj-default", unit=unit, limit="5.000000000000000001000")
    answer = client.ask("Tell me a story")

    texts = [
        admin.call("GET", f"{PATH}/{made['id']}").text,
        admin.call("GET").text,
        run(budgeted.folder, "budgets", "show", made["id"], "--json", env=budgeted.env).stdout,
    ]

    figures = [
        figure for text in texts for figure in re.findall(r'"(?:limit|spent|reserved|remaining)":([^,}]*)', text)
    ]
    assert len(figures) == 12
    for figure in (*figures, answer.headers[HEADERS[unit]]):
        assert re.fullmatch(r"\d+(\.\d*[1-9])?", figure), figure


def test_a_soft_budget_stops_nobody(admin, client):
    admin.made(limit="0.000000000000000001", kind="soft")

    answer = client.ask("Tell me a story")

    assert answer.status_code == 200
    assert answer.headers[HEADERS["EUR"]] == "0"


def test_the_spend_limit_of_the_vendor_stops_too(admin, client):
    client.ask("Tell me a story", project_id="proj-vendor")
    path = "/v1/organization/projects/proj-vendor/spend_limit"
    admin.made(scope="project", scope_id="proj-vendor", limit="0.0000000001")

    before = read(admin.call("GET", path))
    stopped = client.ask("Tell me a story", project_id="proj-vendor")
    admin.call("DELETE", path)
    free = client.ask("Tell me a story", project_id="proj-vendor")

    assert before["object"] == "project.spend_limit"
    refused(stopped, 429, CODES["EUR"])
    assert free.status_code == 200


def test_every_worker_has_noticed_when_a_change_is_answered(gateway_with, upstream):
    secrets = {"ROUTER_JWT_SECRET": SECRET, "ROUTER_ADMIN_KEY": ADMIN_KEY}
    gateway = gateway_with(**vendors(upstream), **secrets, ROUTER_WORKERS="2")
    admin, bearer = Admin(gateway), {"Authorization": f"Bearer {gateway.token()}"}

    def asked_on_new_connections() -> set[int]:
        ask = {"message": "Tell me a story"}
        posts = [requests.post(f"{gateway.url}/completion", headers=bearer, json=ask, timeout=20) for _ in range(12)]
        return {response.status_code for response in posts}

    before = asked_on_new_connections()
    made = admin.made(limit="0.000000000000000001")
    stopped = asked_on_new_connections()
    admin.call("PATCH", f"{PATH}/{made['id']}", {"kind": "soft"})
    softened = asked_on_new_connections()
    admin.call("PATCH", f"{PATH}/{made['id']}", {"kind": "hard"})
    hardened = asked_on_new_connections()
    admin.call("DELETE", f"{PATH}/{made['id']}")

    assert (before, stopped, softened, hardened) == ({200}, {429}, {200}, {429})
    assert asked_on_new_connections() == {200}
