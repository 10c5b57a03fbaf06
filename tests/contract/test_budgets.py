"""Budgets on either database: what they know, and that nothing slips past one that is being made."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.budgets.budget import BudgetChange
from accounts.budgets.budgets import Budgets
from accounts.budgets.spend_limits import Owner, SpendLimits, Threshold
from accounts.budgets.store import Asked, matching
from accounts.errors import BudgetUnknown, ProjectUnknown
from pricing_tables.loader import load_rates
from tests.contract.databases import opened
from tests.unit.accounts.book import Clocked, add_key, counter_of, hold, new, settle
from tests.unit.accounts.conftest import NOW

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(url: str) -> AsyncIterator[Clocked]:
    async with opened(url) as database:
        yield Clocked(database, NOW)


@pytest.fixture
def budgets(database: Clocked) -> Budgets:
    return Budgets(database, "Europe/Paris", noticed_s=0)


async def test_a_budget_lives_from_its_making_to_its_end(database, budgets):
    await add_key(database, "key_a")
    await settle(database, NOW, "0.000000000000000001", kilograms="1e-7", key_id="key_a")
    made = await budgets.create(new("1e-17", scope="key", scope_id="key_a", window="day"))
    await hold(database, counter_of(made, NOW), "0.000000000000000002")

    met = await database.write(lambda: matching([], ["key_a"]))
    changed = await budgets.change(made.budget.id, BudgetChange(window="month", timezone="Asia/Kathmandu"))
    shown = await budgets.get(made.budget.id)
    await budgets.delete(made.budget.id)

    assert met == [made.budget]
    assert shown == changed
    assert (shown.spent, shown.reserved) == (Decimal("1e-18"), Decimal("2e-18"))
    assert shown.remaining == Decimal("7e-18")
    with pytest.raises(BudgetUnknown):
        await budgets.get(made.budget.id)


async def test_pages_follow_each_other_in_both_orders(database, budgets):
    made = []
    for seconds in range(4):
        database.now = NOW + timedelta(seconds=seconds)
        made.append((await budgets.create(new())).budget.id)

    async def listed(**asked):
        page = await budgets.list(Asked(limit=2, scope="organization", scope_id="", **asked))
        return [state.budget.id for state in page.states], page.has_more

    assert await listed() == (made[:2], True)
    assert await listed(after=made[1]) == (made[2:], False)
    assert await listed(order="desc", before=made[0]) == ([made[2], made[1]], True)


async def test_no_request_slips_past_a_budget_that_is_made_while_it_is_settled(database, budgets):
    settling = [settle(database, NOW, "0.001", kilograms="1e-6") for _ in range(40)]
    making = [budgets.create(new(unit=unit)) for unit in ("EUR", "gCO2e") for _ in range(2)]

    await asyncio.gather(*settling[:20], *making, *settling[20:])

    states = (await budgets.list(Asked())).states
    assert [state.spent for state in states] == [40 * Decimal("0.001")] * 4


async def test_whoever_sets_the_spend_limit_at_once_sets_one(budgets):
    limits = SpendLimits(budgets, load_rates())

    await asyncio.gather(*(limits.set_limit(Owner(), Threshold(cents, "USD")) for cents in range(100, 110)))

    (state,) = (await budgets.list(Asked())).states
    assert state == await limits.limit(Owner())


async def test_an_id_that_no_database_could_hold_is_unknown_as_any_other(budgets):
    for odd in ("bud_\0", "bud_" + "x" * 100_000, "bud_é\U0001f600"):
        with pytest.raises(BudgetUnknown):
            await budgets.get(odd)
        with pytest.raises(ProjectUnknown):
            await budgets.create(new(scope="project", scope_id=odd))
        with pytest.raises(ProjectUnknown):
            await SpendLimits(budgets, load_rates()).set_limit(Owner("project", odd), Threshold(1, "EUR"))
        for asked in (Asked(after=odd), Asked(before=odd), Asked(scope_id=odd)):
            assert (await budgets.list(asked)).states == []
