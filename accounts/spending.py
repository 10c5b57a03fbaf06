"""What the ledger says was spent of a budget in a window, for a budget that begins in the middle of one."""

from decimal import Decimal

from accounts.budgets import Budget
from accounts.decimals import EXACT, ZERO
from accounts.windows import Window
from storage.script import Query, Script

GRAMS_A_KILOGRAM = Decimal(1000)
MOST_ROWS = 10_000  # at a time: a month may hold millions


def spent_in(budget: Budget, window: Window) -> Script[Decimal]:
    """Sum the ledger over the requests of a budget's scope that were let in within a window, exactly.

    Returns:
        Euros or grams of CO2e, as the budget's unit says; requests without the figure count nothing.

    """
    figure = "cost_eur" if budget.unit == "EUR" else "emissions_kg"
    owner = {"organization": "? = ''", "project": "project_id = ?", "key": "key_id = ?"}[budget.scope]
    text = (
        f"SELECT opened_at, position, {figure} FROM ledger "  # noqa: S608 - names of ours, never input
        f"WHERE (opened_at, position) > (?, ?) AND opened_at < ? AND {owner} AND {figure} IS NOT NULL "
        f"ORDER BY opened_at, position LIMIT {MOST_ROWS}"
    )
    last = (window.opens_at.isoformat(timespec="microseconds"), -1)
    end = window.closes_at.isoformat(timespec="microseconds")
    amount = ZERO
    while rows := (yield Query(text, (*last, end, budget.scope_id))):
        for _, _, known in rows:
            amount = EXACT.add(amount, Decimal(known))
        last = rows[-1][:2]
    return amount if budget.unit == "EUR" else EXACT.multiply(amount, GRAMS_A_KILOGRAM)
