"""How budgets stand inside one transaction: what is spent and held of each window, and what changes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from accounts import budgets_store
from accounts.budgets import Budget, counters_of, window_id
from accounts.decimals import EXACT, ZERO, as_text, total
from accounts.windows import Window, window_at
from metering.bound import Bound
from metering.ledger import Remaining
from storage.script import Query, Script, places
from storage.statement import Row


class Charged(Struct, frozen=True):
    """Whose budgets a request is charged to, and when it was let in."""

    project_id: str
    key_id: str | None
    moment: datetime


class Standing:
    """One window of one budget."""

    __slots__ = ("budget", "counter", "counters", "spent", "spent_before", "window")

    def __init__(self, budget: Budget, window: Window) -> None:
        self.budget = budget
        self.window = window
        self.counter = window_id(budget.id, window)
        self.counters = counters_of(budget, window)
        self.spent = self.spent_before = ZERO

    def part(self, bound: Bound) -> Decimal | None:
        """Return what of a bound counts here; None when that is unknown."""
        return bound.eur if self.budget.unit == "EUR" else bound.grams


class Standings:
    """Every window that a batch is charged to, read once and changed in memory until it is written.

    Args:
        owner: The process: what it holds is remembered, what others hold is read.
        holds: What it holds by counter, as of its last transaction.

    """

    def __init__(self, owner: str, holds: Mapping[str, Decimal]) -> None:
        self.own: dict[str, Decimal] = {}
        self._owner = owner
        self._holds = holds
        self._others: dict[str, Decimal] = {}
        self._budgets: list[Budget] = []
        self._windows: dict[str, Standing] = {}

    def read(self, charged: set[Charged], counters: set[str]) -> Script[None]:
        """Read the budgets of these requests, their windows, and what others hold of them and of further counters."""
        if charged:
            keys = {each.key_id for each in charged if each.key_id is not None}
            self._budgets = yield from budgets_store.matching({each.project_id for each in charged}, keys)
        for budget in self._budgets:
            for moment in {each.moment for each in charged}:
                made = Standing(budget, window_at(moment, budget.every, budget.timezone))
                self._windows.setdefault(made.counter, made)
        if self._windows:
            spent = yield from budgets_store.spent(self._windows)
            for counter, standing in self._windows.items():
                standing.spent = standing.spent_before = spent[counter]
        wanted = counters.union(*(each.counters for each in self._windows.values()))
        if wanted:
            yield from self._read_others(sorted(wanted))

    def _read_others(self, counters: list[str]) -> Script[None]:
        sql = f"SELECT counter, amount FROM holds WHERE counter IN ({places(len(counters))}) AND owner <> ?"  # noqa: S608 - placeholders
        rows = yield Query(sql, (*counters, self._owner))
        for counter, amount in rows:
            self._others[counter] = EXACT.add(self._others.get(counter, ZERO), Decimal(amount))

    def applying(self, to: Charged) -> list[Standing]:
        """Return the windows that a request is charged to."""
        owners = {("organization", ""), ("project", to.project_id), ("key", to.key_id)}
        mine = [each for each in self._budgets if (each.scope, each.scope_id) in owners]
        return [self._windows[window_id(each.id, window_at(to.moment, each.every, each.timezone))] for each in mine]

    def held(self, counters: Iterable[str]) -> Decimal:
        """Return what all processes hold of these counters."""
        return total(EXACT.add(self._others.get(each, ZERO), self._mine(each)) for each in counters)

    def _mine(self, counter: str) -> Decimal:
        known = self.own.get(counter)
        return self._holds.get(counter, ZERO) if known is None else known

    def hold(self, amounts: Mapping[str, Decimal]) -> None:
        """Hold more."""
        for counter, amount in amounts.items():
            self.own[counter] = EXACT.add(self._mine(counter), amount)

    def give_back(self, amounts: Mapping[str, Decimal]) -> None:
        """Hold less."""
        for counter, amount in amounts.items():
            self.own[counter] = EXACT.subtract(self._mine(counter), amount)

    def room(self, standing: Standing) -> Decimal:
        """Return what is neither spent nor held of a window; negative where a limit was lowered or is soft."""
        taken = EXACT.add(standing.spent, self.held(standing.counters))
        return EXACT.subtract(standing.budget.amount, taken)

    def spend(self, to: Charged, eur: Decimal, grams: Decimal | None) -> None:
        """Charge what a request consumed; what is unknown adds nothing."""
        for standing in self.applying(to):
            amount = eur if standing.budget.unit == "EUR" else grams
            if amount:
                standing.spent = EXACT.add(standing.spent, amount)

    def remaining(self, standings: Iterable[Standing]) -> Remaining | None:
        """Return what the tightest of these budgets have left, never below 0; None without budgets."""
        rooms: dict[str, Decimal] = {}
        for standing in standings:
            room = max(ZERO, self.room(standing))
            rooms[standing.budget.unit] = min(room, rooms.get(standing.budget.unit, room))
        return Remaining(rooms.get("EUR"), rooms.get("gCO2e")) if rooms else None

    def changed(self) -> list[Standing]:
        """Return the windows in which something was spent."""
        return [each for each in self._windows.values() if each.spent != each.spent_before]

    def hold_rows(self, unsure: Iterable[str]) -> list[Row]:
        """Return the rows of what this process holds: what changed, and what an unclear transaction may have lost."""
        return [(each, self._owner, as_text(self._mine(each))) for each in sorted({*self.own, *unsure})]
