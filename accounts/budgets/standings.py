"""How budgets stand inside one transaction: what is spent and held of each window, and what changes."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from accounts.budgets import store as budgets_store
from accounts.budgets.budget import Budget, counters_of, window_id
from accounts.budgets.windows import Window, window_at
from accounts.decimals import EXACT, ZERO, as_text, total
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
    """One window of one budget.

    Attributes:
        counters: Those whose holds count against it.
        spent: What was spent in it, and what will be once this transaction is in.
        taken: What is spent and held together.

    """

    __slots__ = ("budget", "counter", "counters", "spent", "spent_before", "taken", "window")

    def __init__(self, budget: Budget, window: Window) -> None:
        self.budget = budget
        self.window = window
        self.counter = window_id(budget.id, window)
        self.counters = counters_of(budget, window)
        self.spent = self.spent_before = self.taken = ZERO

    def part(self, bound: Bound) -> Decimal | None:
        """Return what of a bound counts here; None when that is unknown."""
        return bound.eur if self.budget.unit == "EUR" else bound.grams

    @property
    def room(self) -> Decimal:
        """What is neither spent nor held; negative where a limit was lowered or is soft."""
        return EXACT.subtract(self.budget.amount, self.taken)


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
        self._windows: dict[str, list[Standing]] = {}
        self._counted: dict[str, list[Standing]] = {}
        self._applying: dict[tuple[str, str | None], list[Budget]] = {}

    def read(self, charged: Collection[Charged], counters: set[str]) -> Script[None]:
        """Read the budgets of these requests, their windows, and what others hold of them and of further counters."""
        standings: list[Standing] = []
        if charged:
            budgets = yield from self._read_budgets(charged)
            for budget in budgets:
                self._windows[budget.id] = windows = _windows(budget, charged)
                standings += windows
        if standings:
            spent = yield from budgets_store.spent([each.counter for each in standings])
            for standing in standings:
                standing.spent = standing.spent_before = spent[standing.counter]
        wanted = counters.union(*(each.counters for each in standings))
        if wanted:
            yield from self._read_others(sorted(wanted))
        for standing in standings:
            standing.taken = EXACT.add(standing.spent, total(self.held(each) for each in standing.counters))
            for counter in standing.counters:
                self._counted.setdefault(counter, []).append(standing)

    def _read_budgets(self, charged: Collection[Charged]) -> Script[list[Budget]]:
        pairs = {(each.project_id, each.key_id) for each in charged}
        keys = {key_id for _, key_id in pairs if key_id is not None}
        budgets = yield from budgets_store.matching({project_id for project_id, _ in pairs}, keys)
        for project_id, key_id in pairs:
            owners = {("organization", ""), ("project", project_id), ("key", key_id)}
            self._applying[project_id, key_id] = [each for each in budgets if (each.scope, each.scope_id) in owners]
        return budgets

    def _read_others(self, counters: list[str]) -> Script[None]:
        sql = f"SELECT counter, amount FROM holds WHERE counter IN ({places(len(counters))}) AND owner <> ?"  # noqa: S608 - placeholders
        rows = yield Query(sql, (*counters, self._owner))
        for counter, amount in rows:
            self._others[counter] = EXACT.add(self._others.get(counter, ZERO), Decimal(amount))

    def applying(self, to: Charged) -> list[Standing]:
        """Return the windows that a request is charged to."""
        return [self._at(each, to.moment) for each in self._applying[to.project_id, to.key_id]]

    def _at(self, budget: Budget, moment: datetime) -> Standing:
        windows = self._windows[budget.id]
        # A batch around midnight has two.
        return windows[0] if len(windows) == 1 else next(each for each in windows if _covers(each.window, moment))

    def held(self, counter: str) -> Decimal:
        """Return what all processes hold of this counter."""
        return EXACT.add(self._others.get(counter, ZERO), self._mine(counter))

    def _mine(self, counter: str) -> Decimal:
        known = self.own.get(counter)
        return self._holds.get(counter, ZERO) if known is None else known

    def hold(self, amounts: Mapping[str, Decimal]) -> None:
        """Hold more."""
        for counter, amount in amounts.items():
            self.own[counter] = EXACT.add(self._mine(counter), amount)
            for standing in self._counted.get(counter, ()):
                standing.taken = EXACT.add(standing.taken, amount)

    def give_back(self, amounts: Mapping[str, Decimal]) -> None:
        """Hold less."""
        for counter, amount in amounts.items():
            self.own[counter] = EXACT.subtract(self._mine(counter), amount)
            for standing in self._counted.get(counter, ()):
                standing.taken = EXACT.subtract(standing.taken, amount)

    def spend(self, to: Charged, eur: Decimal, grams: Decimal | None) -> None:
        """Charge what a request consumed; what is unknown adds nothing."""
        for standing in self.applying(to):
            amount = eur if standing.budget.unit == "EUR" else grams
            if amount:
                standing.spent = EXACT.add(standing.spent, amount)
                standing.taken = EXACT.add(standing.taken, amount)

    def changed(self) -> list[Standing]:
        """Return the windows in which something was spent."""
        return [each for windows in self._windows.values() for each in windows if each.spent != each.spent_before]

    def hold_rows(self, counters: Iterable[str]) -> list[Row]:
        """Return the rows of what this process holds of these."""
        return [(each, self._owner, as_text(self._mine(each) or ZERO)) for each in sorted(counters)]


def remaining(standings: Iterable[Standing]) -> Remaining | None:
    """Return what the tightest of these budgets have left, never below 0; None without budgets."""
    eur = grams = None
    for standing in standings:
        room = max(ZERO, standing.room)
        if standing.budget.unit == "EUR":
            eur = room if eur is None else min(eur, room)
        else:
            grams = room if grams is None else min(grams, room)
    return None if eur is None and grams is None else Remaining(eur, grams)


def _windows(budget: Budget, charged: Collection[Charged]) -> list[Standing]:
    """Return the windows of a budget that these requests came in: nearly always one, and then both ends tell."""
    moments = [each.moment for each in charged]
    windows = _covering(budget, (min(moments), max(moments)))
    return windows if len(windows) == 1 else _covering(budget, moments)


def _covering(budget: Budget, moments: Iterable[datetime]) -> list[Standing]:
    windows: list[Standing] = []
    for moment in moments:
        if not any(_covers(known.window, moment) for known in windows):
            windows.append(Standing(budget, window_at(moment, budget.every, budget.timezone)))
    return windows


def _covers(window: Window, moment: datetime) -> bool:
    return window.opens_at <= moment < window.closes_at
