from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.budgets.budget import BudgetChange
from accounts.budgets.budgets import Budgets
from accounts.budgets.store import Asked, held, matching, spent
from accounts.decimals import as_text, total
from accounts.errors import BudgetInvalid, BudgetUnknown, KeyUnknown, ProjectUnknown, TimezoneUnknown
from accounts.revision import FRESH_FOR_S
from tests.unit.accounts.book import add_key, add_project, counter_of, hold, new, revision_of, settle, settle_all
from tests.unit.accounts.conftest import NOW

pytestmark = pytest.mark.anyio  # of the async ones

HOUR = timedelta(hours=1)


async def test_a_new_budget_starts_with_what_its_window_has_spent_already(clocked, budgets):
    await settle(clocked, NOW - HOUR, euros="0.1")
    await settle(clocked, datetime(2026, 11, 1, tzinfo=UTC), euros="0.000000000000000002")
    await settle(clocked, datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC), euros="7")
    await settle(clocked, NOW - HOUR)

    state = await budgets.create(new("20"))

    assert state.spent == Decimal("0.100000000000000002")
    assert state.remaining == Decimal("19.899999999999999998")
    assert state.reserved == 0
    assert state.resets_at == datetime(2026, 12, 1, tzinfo=UTC)


async def test_grams_are_a_thousand_times_the_kilograms_of_the_ledger(clocked, budgets):
    await settle(clocked, NOW - HOUR, euros="3", kilograms="1.2345678901234567E-7")

    state = await budgets.create(new("5", unit="gCO2e"))

    assert state.spent == Decimal("0.00012345678901234567")


async def test_a_day_that_begins_between_two_hours_counts_its_part_of_them(clocked, budgets):
    midnight = datetime(2026, 11, 21, 18, 15, tzinfo=UTC)
    for minutes, euros in (
        (-16, "1"),
        (-1, "2"),
        (0, "4"),
        (44, "8"),
        (45, "16"),
        (24 * 60 - 1, "32"),
        (24 * 60, "64"),
    ):
        await settle(clocked, midnight + timedelta(minutes=minutes), euros)

    state = await budgets.create(new("1000", window="day", timezone="Asia/Kathmandu"))

    assert state.spent == 4 + 8 + 16 + 32


async def test_each_scope_counts_its_own_requests(clocked, budgets):
    await add_project(clocked, "proj-a")
    await add_key(clocked, "key_a", "proj-a")
    await settle(clocked, NOW - HOUR, euros="1", project_id="proj-a", key_id="key_a")
    await settle(clocked, NOW - HOUR, euros="2", project_id="proj-a")
    await settle(clocked, NOW - HOUR, euros="4")

    key = await budgets.create(new(scope="key", scope_id="key_a"))
    project = await budgets.create(new(scope="project", scope_id="proj-a"))
    everything = await budgets.create(new())

    assert [key.spent, project.spent, everything.spent] == [1, 3, 7]


async def test_a_month_of_many_requests_is_summed_to_the_last_digit(clocked, budgets):
    cost = "0.000000000000000007"
    for _ in range(3):
        await settle_all(clocked, NOW - HOUR, [cost] * 1000)

    state = await budgets.create(new())

    assert state.spent == 3000 * Decimal(cost)


async def test_what_all_processes_hold_is_reserved(clocked, budgets):
    state = await budgets.create(new("1"))
    await hold(clocked, counter_of(state, NOW), "0.3", owner="one")
    await hold(clocked, counter_of(state, NOW), "0.70000000000000000000001", owner="two")

    state = await budgets.get(state.budget.id)

    assert state.reserved == Decimal("1.00000000000000000000001")
    assert state.remaining == Decimal("-0.00000000000000000000001")


async def test_a_new_window_begins_with_nothing_spent(clocked, budgets):
    await settle(clocked, NOW - HOUR, euros="3")
    state = await budgets.create(new("5", window="day", timezone="Europe/Paris"))
    await hold(clocked, counter_of(state, NOW), "1")
    assert state.resets_at == datetime(2026, 11, 22, 23, tzinfo=UTC)

    clocked.now = state.resets_at
    state = await budgets.get(state.budget.id)

    assert (state.spent, state.reserved, state.remaining) == (0, 0, 5)
    assert state.resets_at == datetime(2026, 11, 23, 23, tzinfo=UTC)


async def test_another_window_counts_what_it_has_spent_and_what_is_still_held(clocked, budgets):
    await settle(clocked, NOW - HOUR, euros="1")
    await settle(clocked, NOW - 5 * HOUR, euros="2")
    state = await budgets.create(new("20", window="day"))
    await hold(clocked, counter_of(state, NOW), "0.5")

    monthly = await budgets.change(state.budget.id, BudgetChange(window="month"))
    await hold(clocked, counter_of(monthly, NOW), "0.25", owner="two")
    monthly = await budgets.get(state.budget.id)
    # The process that held it releases it under the name it knew.
    await hold(clocked, counter_of(state, NOW), "0")
    released = await budgets.get(state.budget.id)

    assert (state.spent, monthly.spent) == (1, 3)
    assert (monthly.reserved, released.reserved) == (Decimal("0.75"), Decimal("0.25"))


async def test_there_and_back_again_counts_nothing_twice(clocked, budgets):
    state = await budgets.create(new("20", window="day"))
    await hold(clocked, counter_of(state, NOW), "0.5")

    await budgets.change(state.budget.id, BudgetChange(window="month"))
    state = await budgets.change(state.budget.id, BudgetChange(window="day"))

    assert state.reserved == Decimal("0.5")


async def test_another_time_zone_moves_the_window(clocked, budgets):
    await settle(clocked, datetime(2026, 11, 21, 23, 30, tzinfo=UTC), euros="1")
    state = await budgets.create(new(window="day"))

    moved = await budgets.change(state.budget.id, BudgetChange(timezone="Europe/Paris"))

    assert (state.spent, moved.spent) == (0, 1)
    assert moved.resets_at == datetime(2026, 11, 22, 23, tzinfo=UTC)


async def test_a_change_of_the_limit_leaves_the_rest_as_it_is(clocked, budgets):
    await settle(clocked, NOW - HOUR, euros="1")
    state = await budgets.create(new("20", emails=("a@example.org",)))

    changed = await budgets.change(state.budget.id, BudgetChange(limit=Decimal("0.5"), kind="soft"))

    assert (changed.budget.amount, changed.budget.kind, changed.spent) == (Decimal("0.5"), "soft", 1)
    assert changed.remaining == Decimal("-0.5")
    assert changed.budget.emails == ("a@example.org",)
    assert await budgets.get(state.budget.id) == changed


async def test_a_deleted_budget_leaves_nothing_behind(clocked, budgets):
    state = await budgets.create(new())
    await hold(clocked, counter_of(state, NOW), "1")

    await budgets.delete(state.budget.id)

    with pytest.raises(BudgetUnknown):
        await budgets.get(state.budget.id)
    assert await clocked.read(lambda: spent([counter_of(state, NOW)])) == {counter_of(state, NOW): 0}
    assert await clocked.read(lambda: held([counter_of(state, NOW)])) == {counter_of(state, NOW): 0}
    with pytest.raises(BudgetUnknown):
        await budgets.delete(state.budget.id)


async def test_every_change_is_told_to_all_processes_before_it_is_answered(clocked):
    budgets = Budgets(clocked, "UTC")
    before = await revision_of(clocked)

    state = await budgets.create(new())
    await budgets.change(state.budget.id, BudgetChange(kind="soft"))
    await budgets.delete(state.budget.id)

    assert await revision_of(clocked) == before + 3
    assert budgets.noticed_s == FRESH_FOR_S


async def test_a_request_meets_the_budgets_of_its_project_its_key_and_all(clocked, budgets):
    await add_project(clocked, "key_twin")
    for key_id, project_id in (("key_a", "proj-a"), ("key_twin", "proj-default")):
        await add_key(clocked, key_id, project_id)
    everything = await budgets.create(new())
    mine = await budgets.create(new(scope="key", scope_id="key_a", unit="gCO2e"))
    await budgets.create(new(scope="project", scope_id="key_twin"))
    await budgets.create(new(scope="project", scope_id="proj-default"))

    met = await clocked.write(lambda: matching(["proj-a"], ["key_a", "key_twin"]))

    assert met == sorted([everything.budget, mine.budget], key=lambda budget: budget.id)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "NaN"}, "limit"),
        ({"limit": "Infinity"}, "limit"),
        ({"limit": "1000000000000.000000000000000001"}, "limit"),
        ({"limit": "0.0000000000000000001"}, "limit"),
        ({"limit": "1e999999999"}, "limit"),
        ({"limit": "1e-999999999"}, "limit"),
        ({"emails": ("a@b", "no address")}, "emails"),
        ({"emails": ("a@b\r\nBcc: c@d",)}, "emails"),
        ({"emails": tuple(f"{n}@example.org" for n in range(21))}, "emails"),
        ({"scope": "project"}, "scope_id"),
        ({"scope_id": "proj-default"}, "scope_id"),
    ],
)
async def test_a_budget_that_cannot_be_is_refused_by_its_field(budgets, fields, field):
    with pytest.raises(BudgetInvalid) as refusal:
        await budgets.create(new(**fields))

    assert refusal.value.param == field
    assert (await budgets.list(Asked())).states == []


async def test_whose_budget_it_is_must_exist(budgets):
    with pytest.raises(ProjectUnknown) as project:
        await budgets.create(new(scope="project", scope_id="proj-nowhere"))
    with pytest.raises(KeyUnknown) as key:
        await budgets.create(new(scope="key", scope_id="proj-default"))
    with pytest.raises(TimezoneUnknown):
        await budgets.create(new(timezone="Europe/Nowhere"))

    assert (project.value.param, key.value.param) == ("scope_id", "scope_id")


async def test_a_refused_change_changes_nothing(budgets):
    state = await budgets.create(new("20"))

    with pytest.raises(BudgetInvalid):
        await budgets.change(state.budget.id, BudgetChange(kind="soft", limit=Decimal(-1)))

    assert await budgets.get(state.budget.id) == state


async def test_lists_are_cut_into_pages_in_both_directions(clocked, budgets):
    made = []
    for number in range(5):
        clocked.now = NOW + timedelta(seconds=number)
        unit = "EUR" if number != 2 else "gCO2e"
        made.append((await budgets.create(new(unit=unit))).budget.id)

    async def listed(**asked):
        page = await budgets.list(Asked(**asked))
        return [state.budget.id for state in page.states], page.has_more

    assert await listed(limit=2) == (made[:2], True)
    assert await listed(limit=3, after=made[1]) == (made[2:], False)
    assert await listed(limit=2, before=made[3]) == (made[1:3], True)
    assert await listed(limit=2, order="desc", after=made[4]) == ([made[3], made[2]], True)
    assert await listed(limit=2, order="desc", before=made[1]) == ([made[3], made[2]], True)
    assert await listed(unit="gCO2e") == ([made[2]], False)
    assert await listed(scope="key") == ([], False)
    assert await listed(after="bud_nowhere") == ([], False)


@given(amount=st.decimals(Decimal("1e-18"), Decimal(10) ** 12, places=18))
def test_amounts_are_written_with_every_digit_and_no_exponent(amount):
    text = as_text(amount)

    assert Decimal(text) == amount
    assert "E" not in text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("4.80323421531959973000", "4.80323421531959973"),
        ("0E-19", "0"),
        ("-0.00", "0"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("-1.50", "-1.5"),
        ("1E-18", "0.000000000000000001"),
    ],
)
def test_amounts_are_written_without_needless_zeros(amount, text):
    assert as_text(Decimal(amount)) == text


def test_sums_do_not_depend_on_the_precision_of_the_thread():
    with localcontext(prec=3):
        assert total([Decimal(1000000000000), Decimal("1e-18")]) == Decimal("1000000000000.000000000000000001")
