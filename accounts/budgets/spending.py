"""What the books say was spent of a budget in a window, for a budget that begins in the middle of one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from accounts.budgets.budget import Budget
from accounts.budgets.windows import Window
from accounts.decimals import EXACT, total
from storage.script import Query, Script
from storage.statement import Row

GRAMS_A_KILOGRAM = Decimal(1000)
HOUR = timedelta(hours=1)
HOUR_LETTERS = 13  # of a time in ISO 8601: 2026-11-21T12


def spent_in(budget: Budget, window: Window) -> Script[Decimal]:
    """Sum the requests of a budget's scope that were let in within a window, exactly.

    Whole hours are read from their sums, which are written with the entries; where a zone's day does not begin on the
    hour, the entries themselves are read.

    Returns:
        Euros or grams of CO2e, as the budget's unit says; requests without the figure count nothing.

    """
    first, last = _hour_of(window.opens_at + HOUR - timedelta.resolution), _hour_of(window.closes_at)
    amounts = yield from _of_hours(budget, first, last)
    for start, end in ((window.opens_at, first), (last, window.closes_at)):
        if start < end:
            amounts += yield from _of_entries(budget, start, end)
    amount = total(amounts)
    return amount if budget.unit == "EUR" else EXACT.multiply(amount, GRAMS_A_KILOGRAM)


def _of_hours(budget: Budget, start: datetime, end: datetime) -> Script[list[Decimal]]:
    span = (start.isoformat()[:HOUR_LETTERS], end.isoformat()[:HOUR_LETTERS])
    return _known((yield _query(budget, "usage_hours WHERE hour >= ? AND hour < ?", span)))


def _of_entries(budget: Budget, start: datetime, end: datetime) -> Script[list[Decimal]]:
    span = (start.isoformat(timespec="microseconds"), end.isoformat(timespec="microseconds"))
    return _known((yield _query(budget, "ledger WHERE opened_at >= ? AND opened_at < ?", span)))


def _query(budget: Budget, source: str, span: tuple[str, str]) -> Query:
    figure = "cost_eur" if budget.unit == "EUR" else "emissions_kg"
    owner = {"organization": "? = ''", "project": "project_id = ?", "key": "key_id = ?"}[budget.scope]
    return Query(f"SELECT {figure} FROM {source} AND {owner}", (*span, budget.scope_id))  # noqa: S608 - names of ours


def _known(rows: Iterable[Row]) -> list[Decimal]:
    return [Decimal(figure) for (figure,) in rows if isinstance(figure, str)]


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
