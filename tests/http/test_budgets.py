"""Budgets as an admin sees and sets them, by HTTP and by command (6.6b)."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.admin import ASKED, read
from tests.admin import BUDGETS as PATH
from tests.admin import refused_f3 as refused
from tests.gateway import Client, exact, run

FIELDS = {
    *("id", "scope", "scope_id", "unit", "limit", "window", "kind", "emails", "timezone"),
    *("spent", "reserved", "remaining", "resets_at"),
}


def test_a_budget_comes_back_as_it_was_asked_for_with_its_figures(admin):
    made = admin.made(limit="12.300000000000000001", emails=["ops@example.org"], timezone="Asia/Kathmandu")

    assert set(made) == FIELDS
    assert made["id"].startswith("bud_")
    assert (made["scope"], made["scope_id"], made["window"], made["kind"]) == ("organization", None, "month", "hard")
    assert made["limit"] == Decimal("12.300000000000000001")
    assert made["remaining"] == made["limit"] - made["spent"] - made["reserved"]
    assert made["emails"] == ["ops@example.org"]
    resets = datetime.fromisoformat(made["resets_at"]).astimezone(ZoneInfo("Asia/Kathmandu"))
    assert (resets.day, resets.hour, resets.minute) == (1, 0, 0)
    assert read(admin.call("GET", f"{PATH}/{made['id']}")) == made


def test_a_limit_sent_as_a_number_keeps_all_its_digits(admin):
    body = json.dumps(ASKED).replace("20", "0.123456789012345678").encode()

    made = read(admin.call("POST", body=body))

    assert made["limit"] == Decimal("0.123456789012345678")


def test_a_budget_without_a_time_zone_has_that_of_the_gateway(admin):
    made = admin.made(window="day")

    resets = datetime.fromisoformat(made["resets_at"])
    assert made["timezone"] == "Europe/Paris"
    assert resets.astimezone(ZoneInfo("Europe/Paris")).hour == 0
    assert resets > datetime.now(UTC)


@pytest.mark.parametrize(("unit", "figure"), [("EUR", "cost_eur"), ("gCO2e", "emissions_kgCO2eq")])
def test_a_budget_made_later_knows_what_its_project_spent_before(admin, budgeted, unit, figure):
    client = Client(budgeted, budgeted.token())
    answers = [client.ask("Tell me a story", project_id=f"proj-spends-{unit}") for _ in range(2)]
    client.ask("Tell me a story")
    booked = [budgeted.row(answer.headers["X-Request-Id"])[figure] for answer in answers]

    made = admin.made(scope="project", scope_id=f"proj-spends-{unit}", unit=unit)

    assert made["spent"] == sum(booked) * (1000 if unit == "gCO2e" else 1)
    assert made["spent"] > 0


def test_a_change_touches_what_it_names_and_nothing_else(admin):
    made = admin.made()

    changed = read(admin.call("PATCH", f"{PATH}/{made['id']}", {"limit": "1.5", "kind": "soft"}))

    figures = {"limit": Decimal("1.5"), "kind": "soft", "remaining": Decimal("1.5") - made["spent"]}
    assert changed == made | figures
    assert read(admin.call("GET", f"{PATH}/{made['id']}")) == changed


def test_a_window_can_be_changed(admin):
    made = admin.made(window="month", timezone="UTC")

    changed = read(admin.call("PATCH", f"{PATH}/{made['id']}", {"window": "day", "timezone": "Pacific/Kiritimati"}))

    resets = datetime.fromisoformat(changed["resets_at"])
    assert resets.astimezone(ZoneInfo("Pacific/Kiritimati")).hour == 0
    assert (resets - datetime.now(UTC)).days == 0


def test_a_deleted_budget_is_gone(admin):
    made = admin.made()

    deleted = read(admin.call("DELETE", f"{PATH}/{made['id']}"))

    assert deleted == {"id": made["id"], "object": "organization.budget.deleted", "deleted": True}
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {})):
        message = refused(admin.call(method, f"{PATH}/{made['id']}", body), 404, None, "not_found")
        assert made["id"] in message


def test_budgets_are_listed_by_page_and_by_what_they_are(admin):
    made = [admin.made(unit=unit)["id"] for unit in ("EUR", "gCO2e", "EUR")]

    first = read(admin.call("GET", limit=2))
    rest = read(admin.call("GET", limit=2, after=first["last_id"]))

    assert [budget["id"] for budget in first["data"] + rest["data"]] == made
    assert (first["object"], first["first_id"], first["last_id"], first["has_more"]) == ("list", *made[:2], True)
    assert rest["has_more"] is False
    assert [budget["id"] for budget in admin.listed(unit="gCO2e")] == [made[1]]
    assert read(admin.call("GET", scope="key")) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"limits": 3}, 400, "limits"),
        ({"limit": "0"}, 400, "limit"),
        ({"limit": "a lot"}, 400, "limit"),
        ({"limit": "0.0000000000000000001"}, 400, "limit"),
        ({"limit": 1000000000001}, 400, "limit"),
        ({"unit": "USD"}, 400, "unit"),
        ({"window": "week"}, 400, "window"),
        ({"kind": "firm"}, 400, "kind"),
        ({"timezone": "Europe/Nowhere"}, 400, "timezone"),
        ({"emails": ["nobody"]}, 400, "emails"),
        ({"scope": "project"}, 400, "scope_id"),
    ],
)
def test_a_budget_that_cannot_be_names_the_field(admin, fields, status, param):
    refused(admin.call("POST", body=ASKED | fields), status, param)

    assert admin.listed() == []


def test_a_project_or_key_that_does_not_exist_is_not_found(admin):
    for scope in ("project", "key"):
        message = refused(
            admin.call("POST", body=ASKED | {"scope": scope, "scope_id": "x-1"}), 404, "scope_id", "not_found"
        )
        assert "x-1" in message


def test_a_list_refuses_parameters_that_make_no_sense(admin):
    refused(admin.call("GET", limit=101), 400, "limit")
    refused(admin.call("GET", unit="USD"), 400, "unit")


ROUTES = [
    (method, path)
    for path, methods in {
        PATH: ("GET", "POST"),
        f"{PATH}/bud_1": ("GET", "PATCH", "DELETE"),
        "/v1/organization/spend_limit": ("GET", "POST", "DELETE"),
        "/v1/organization/projects/proj-default/spend_limit": ("GET", "POST", "DELETE"),
        "/v1/organization/spend_alerts": ("GET", "POST"),
        "/v1/organization/spend_alerts/bud_1": ("GET", "POST", "DELETE"),
        "/v1/organization/projects/proj-default/spend_alerts": ("GET", "POST"),
        "/v1/organization/projects/proj-default/spend_alerts/bud_1": ("GET", "POST", "DELETE"),
    }.items()
    for method in methods
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_but_an_admin_sees_or_sets_budgets(budgeted, method, path):
    for credential, status in ((None, 401), ("sk-admin-wrong", 401), (budgeted.token(), 403)):
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        response = requests.request(method, budgeted.url + path, headers=headers, json={}, timeout=10)

        assert response.status_code == status
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_the_command_sets_what_the_gateway_shows(admin, budgeted):
    def router(*words: str) -> str:
        ended = run(budgeted.folder, "budgets", *words, env=budgeted.env)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    made = exact(
        router("create", "--unit", "gCO2e", "--limit", "0.30", "--window", "day", "--email", "a@b.org", "--json")
    )
    changed = exact(router("change", made["id"], "--limit", "0.40", "--json"))
    shown = router("show", made["id"])

    assert admin.listed() == [changed]
    assert [exact(line) for line in router("list", "--json").splitlines()] == [changed]
    assert (made["limit"], changed["limit"], changed["emails"]) == (Decimal("0.30"), Decimal("0.40"), ["a@b.org"])
    assert "0.4 gCO2e" in shown
    assert exact(router("delete", made["id"], "--json")) == {"id": made["id"], "deleted": True}
    assert admin.listed() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "bud_nowhere"), "no such budget"),
        (("create", "--unit", "EUR", "--limit", "much", "--window", "day"), "--limit"),
        (("create", "--unit", "EUR", "--limit", "1", "--window", "day", "--timezone", "Mars/Olympus"), "Mars/Olympus"),
    ],
)
def test_the_command_says_what_is_wrong(budgeted, words, told):
    ended = run(budgeted.folder, "budgets", *words, env=budgeted.env)

    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
