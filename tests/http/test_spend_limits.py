"""`spend_limit` and `spend_alerts` as OpenAI's own client sees and sets them (6.2)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from openai import NotFoundError, OpenAI

from tests.admin import ADMIN_KEY, Admin
from tests.admin import BUDGETS as PATH
from tests.admin import refused_f3 as refused
from tests.gateway import Client, Gateway

CHANNEL = {"type": "email", "recipients": ["ops@example.org"]}


@pytest.fixture
def sdk(budgeted: Gateway, treasurer: Admin) -> Iterator[Any]:
    del treasurer  # it removes what was made
    with OpenAI(base_url=f"{budgeted.url}/v1", api_key="unused", admin_api_key=ADMIN_KEY, max_retries=0) as client:
        yield client.admin.organization


def test_the_sdk_sets_reads_and_removes_the_spend_limit(sdk, treasurer):
    with pytest.raises(NotFoundError):
        sdk.spend_limit.retrieve()

    limit = sdk.spend_limit.update(currency="USD", interval="month", threshold_amount=12345)
    raised = sdk.spend_limit.update(currency="USD", interval="month", threshold_amount=20000)
    (budget,) = treasurer.listed()

    assert (limit.object, limit.threshold_amount, limit.currency) == ("organization.spend_limit", 12345, "USD")
    assert (limit.interval, limit.enforcement.status) == ("month", "inactive")
    assert sdk.spend_limit.retrieve() == raised
    assert raised.threshold_amount == 20000
    assert (budget["unit"], budget["kind"], budget["window"]) == ("EUR", "hard", "month")
    assert Decimal(100) < budget["limit"] < Decimal(200), "dollars were worth less than euros"
    assert sdk.spend_limit.delete().deleted is True
    assert treasurer.listed() == []


def test_euros_are_taken_as_they_are(sdk, treasurer):
    sdk.spend_limit.update(currency="EUR", interval="month", threshold_amount=1999)

    (budget,) = treasurer.listed()

    assert budget["limit"] == Decimal("19.99")
    assert sdk.spend_limit.retrieve().currency == "EUR"


def test_a_hard_monthly_budget_is_the_spend_limit_and_the_tightest_counts(sdk, treasurer):
    for limit in ("50", "0.005", "70"):
        treasurer.made(limit=limit)
    treasurer.made(limit="0.001", kind="soft")
    treasurer.made(limit="0.001", window="day")
    treasurer.made(limit="0.001", unit="gCO2e")

    read_back = sdk.spend_limit.retrieve()
    sdk.spend_limit.update(currency="EUR", interval="month", threshold_amount=6000)

    assert (read_back.threshold_amount, read_back.currency) == (1, "EUR")
    hard = [budget for budget in treasurer.listed(unit="EUR", kind="hard") if budget["window"] == "month"]
    assert [budget["limit"] for budget in hard] == [60]
    assert len(treasurer.listed()) == 4


def test_a_limit_that_is_spent_is_enforcing(sdk, treasurer, budgeted):
    client = Client(budgeted, budgeted.token())
    client.ask("Tell me a story", project_id="proj-enforced")
    made = treasurer.made(scope="project", scope_id="proj-enforced", limit="1")

    calm = sdk.projects.spend_limit.retrieve("proj-enforced")
    treasurer.call("PATCH", f"{PATH}/{made['id']}", {"limit": str(made["spent"])})
    spent = sdk.projects.spend_limit.retrieve("proj-enforced")

    assert (calm.enforcement.status, spent.enforcement.status) == ("inactive", "enforcing")


def test_the_sdk_sets_the_limit_of_a_project_apart_from_that_of_all(sdk, treasurer):
    limit = sdk.projects.spend_limit.update("proj-default", currency="USD", interval="month", threshold_amount=1)

    assert (limit.object, limit.threshold_amount) == ("project.spend_limit", 1)
    assert [budget["scope_id"] for budget in treasurer.listed()] == ["proj-default"]
    with pytest.raises(NotFoundError):
        sdk.spend_limit.retrieve()
    assert sdk.projects.spend_limit.delete("proj-default").object == "project.spend_limit.deleted"
    with pytest.raises(NotFoundError):
        sdk.projects.spend_limit.update("proj-nowhere", currency="USD", interval="month", threshold_amount=1)


def test_the_sdk_makes_lists_changes_and_removes_alerts(sdk, treasurer):
    first = sdk.spend_alerts.create(
        currency="USD",
        interval="month",
        threshold_amount=5000,
        notification_channel=CHANNEL | {"subject_prefix": "[llm]"},
    )
    second = sdk.spend_alerts.create(currency="EUR", interval="month", threshold_amount=0, notification_channel=CHANNEL)
    changed = sdk.spend_alerts.update(
        first.id, currency="USD", interval="month", threshold_amount=7000, notification_channel=CHANNEL
    )

    assert first.object == "organization.spend_alert"
    assert first.notification_channel.to_dict() == CHANNEL | {"subject_prefix": "[llm]"}
    assert (changed.id, changed.threshold_amount, changed.notification_channel.subject_prefix) == (first.id, 7000, None)
    assert [alert.id for alert in sdk.spend_alerts.list(limit=1)] == [first.id, second.id], "page by page"
    assert [alert.id for alert in sdk.spend_alerts.list(order="desc")] == [second.id, first.id]
    assert sdk.spend_alerts.retrieve(second.id).threshold_amount == 0
    assert {budget["kind"] for budget in treasurer.listed()} == {"soft"}
    assert sdk.spend_alerts.delete(first.id).deleted is True
    with pytest.raises(NotFoundError):
        sdk.spend_alerts.retrieve(first.id)


def test_an_alert_belongs_to_one_owner(sdk):
    alert = sdk.projects.spend_alerts.create(
        "proj-default", currency="EUR", interval="month", threshold_amount=100, notification_channel=CHANNEL
    )

    assert alert.object == "project.spend_alert"
    assert sdk.projects.spend_alerts.retrieve(alert.id, project_id="proj-default") == alert
    assert list(sdk.spend_alerts.list()) == []
    for theirs in (sdk.spend_alerts.retrieve, sdk.spend_alerts.delete):
        with pytest.raises(NotFoundError):
            theirs(alert.id)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"threshold_amount": 0}, "threshold_amount"),
        ({"threshold_amount": 1.5}, "threshold_amount"),
        ({"currency": "GBP"}, "currency"),
        ({"interval": "day"}, "interval"),
    ],
)
def test_a_spend_limit_that_cannot_be_names_the_field(treasurer, fields, param):
    asked = {"currency": "USD", "interval": "month", "threshold_amount": 100} | fields

    refused(treasurer.call("POST", "/v1/organization/spend_limit", asked), 400, param)


def test_the_vendor_may_add_fields(treasurer):
    asked = {"currency": "USD", "interval": "month", "threshold_amount": 100, "new": True}

    assert treasurer.call("POST", "/v1/organization/spend_limit", asked).status_code == 200


def test_an_alert_tells_somebody(treasurer):
    asked = {"currency": "USD", "interval": "month", "threshold_amount": 100}
    nobody = asked | {"notification_channel": CHANNEL | {"recipients": []}}

    refused(treasurer.call("POST", "/v1/organization/spend_alerts", nobody), 400, "notification_channel.recipients")
