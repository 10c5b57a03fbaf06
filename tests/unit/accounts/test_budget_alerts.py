"""A budget that is made or lowered below what is spent already tells it, once a window."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.alerts.alerts import Alerts
from accounts.budgets.budget import BudgetChange
from accounts.budgets.spend_limits import Alert, Owner, SpendLimits, Threshold
from accounts.errors import BudgetInvalid
from pricing_tables.loader import load_rates
from tests.unit.accounts.book import new, settle
from tests.unit.accounts.conftest import NOW

pytestmark = pytest.mark.anyio

EARLIER = NOW - timedelta(hours=1)
BOSS = ("boss@example.org",)


async def told(database) -> list[tuple[str, int]]:
    return sorted((alert.budget_id, alert.threshold) for alert in await Alerts(database).listed(100))


async def test_a_budget_that_past_spending_crosses_tells_it_when_it_is_made(clocked, budgets):
    await settle(clocked, EARLIER, euros="9")

    await budgets.create(new("20", emails=BOSS))
    soon = await budgets.create(new("10", emails=BOSS))
    spent = await budgets.create(new("9", kind="soft"))

    assert await told(clocked) == sorted([(soon.budget.id, 80), (spent.budget.id, 100)])


async def test_a_budget_that_is_lowered_below_what_is_spent_tells_it_once(clocked, budgets):
    await settle(clocked, EARLIER, euros="9")
    made = await budgets.create(new("20", emails=BOSS))

    for limit in ("11", "10", "9", "30", "5"):
        await budgets.change(made.budget.id, BudgetChange(limit=Decimal(limit)))

    assert await told(clocked) == [(made.budget.id, 80), (made.budget.id, 100)]


async def test_a_budget_that_gets_another_window_tells_what_is_spent_in_that(clocked, budgets):
    await settle(clocked, NOW - timedelta(days=2), euros="9")
    made = await budgets.create(new("8", window="day", emails=BOSS))
    assert await told(clocked) == []

    await budgets.change(made.budget.id, BudgetChange(window="month"))

    assert await told(clocked) == [(made.budget.id, 80), (made.budget.id, 100)]


async def test_an_alert_of_the_vendors_api_below_what_is_spent_tells_it(clocked, budgets):
    await settle(clocked, EARLIER, euros="9")

    made = await SpendLimits(budgets, load_rates()).add_alert(Owner(), Alert(Threshold(800, "EUR"), BOSS, None))

    assert await told(clocked) == [(made.budget.id, 100)]


@pytest.mark.parametrize("address", ["a@b..org", "x" * 65 + "@example.org", "a@b\n", "a@-b", "é@example.org"])
async def test_an_address_that_no_mail_can_be_sent_to_is_refused(budgets, address):
    with pytest.raises(BudgetInvalid):
        await budgets.create(new(emails=(address,)))
