"""Budgets made, read, changed and removed; each answer comes when it is in force in every process."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import UNSET, Struct
from msgspec.structs import replace

from accounts.alerts.alerts import Spending, note_crossings
from accounts.budgets import store
from accounts.budgets.budget import Budget, BudgetChange, BudgetState, NewBudget, checked, window_id
from accounts.budgets.spending import spent_in
from accounts.budgets.store import Asked
from accounts.budgets.windows import window_at
from accounts.decimals import ZERO
from accounts.errors import BudgetUnknown
from accounts.ids import new_id
from accounts.revision import CHANGED, FRESH_FOR_S
from storage.script import Database, Script, T, Write

PREFIX = "bud_"


class Page(Struct, frozen=True):
    """Some budgets in the order asked for, and whether more follow."""

    states: list[BudgetState]
    has_more: bool


class Budgets:
    """The budgets of one database.

    Args:
        database: Where they are kept.
        timezone: IANA name, for budgets that name none.
        noticed_s: Seconds after which no process uses what it remembered of before a change.

    """

    def __init__(self, database: Database, timezone: str, noticed_s: float = FRESH_FOR_S) -> None:
        self._database = database
        self.noticed_s = noticed_s
        self.timezone = timezone

    async def create(self, new: NewBudget) -> BudgetState:
        """Make a budget; what the ledger says was spent in its window counts already.

        Raises:
            BudgetInvalid: Naming the field.
            TimezoneUnknown: There is no such zone.
            ProjectUnknown: There is no such project.
            KeyUnknown: There is no such key.

        """
        budget = checked(
            Budget(
                id=new_id(PREFIX),
                scope=new.scope,
                scope_id=new.scope_id or "",
                unit=new.unit,
                amount=new.limit,
                every=new.window,
                kind=new.kind,
                timezone=self.timezone if new.timezone is None else new.timezone,
                emails=new.emails,
                created_at=self.now(),
            )
        )
        return await self.write(lambda: self.begin(budget))

    async def get(self, budget_id: str) -> BudgetState:
        """Return a budget in its current window.

        Raises:
            BudgetUnknown: There is none of this id.

        """

        def script() -> Script[BudgetState]:
            budget = found(budget_id, (yield from store.one(budget_id)))
            return (yield from store.states([budget], self.now()))[0]

        return await self._database.read(script)

    async def list(self, asked: Asked) -> Page:
        """Return budgets in their current windows."""

        def script() -> Script[Page]:
            budgets, more = yield from store.listed(asked)
            return Page((yield from store.states(budgets, self.now())), more)

        return await self._database.read(script)

    async def change(self, budget_id: str, change: BudgetChange) -> BudgetState:
        """Change a budget; with another window or time zone, what was spent is summed anew.

        Raises:
            BudgetUnknown: There is none of this id.
            BudgetInvalid: Naming the field.
            TimezoneUnknown: There is no such zone.

        """

        def script() -> Script[BudgetState]:
            budget = found(budget_id, (yield from store.one_to_change(budget_id)))
            return (yield from self.alter(budget, checked(changed(budget, change))))

        return await self.write(script)

    async def delete(self, budget_id: str) -> None:
        """Remove a budget.

        Raises:
            BudgetUnknown: There is none of this id.

        """

        def script() -> Script[None]:
            budget = found(budget_id, (yield from store.one_to_change(budget_id)))
            yield from store.drop(budget)
            yield CHANGED

        await self.write(script)

    def now(self) -> datetime:
        """Return the time that all who share the database agree on."""
        return datetime.fromtimestamp(self._database.clock_ns() / 1e9, UTC)

    def begin(self, budget: Budget) -> Script[BudgetState]:
        """Put a new budget in; part of the transaction of whoever makes one."""
        yield from store.check_owner(budget.scope, budget.scope_id)
        return (yield from self._put(budget))

    def alter(self, old: Budget, new: Budget) -> Script[BudgetState]:
        """Put a changed budget in; part of the transaction of whoever changes one."""
        if (old.every, old.timezone) != (new.every, new.timezone):
            former = yield from store.former_counters(old)
            return (yield from self._put(replace(new, former=former)))
        yield Write(store.PUT_BUDGET, [store.budget_row(new)])
        yield CHANGED
        return (yield from self._told(new, self.now()))

    async def read(self, script: Callable[[], Script[T]]) -> T:
        """Run a script that only reads."""
        return await self._database.read(script)

    async def write(self, script: Callable[[], Script[T]]) -> T:
        """Run a script that changes budgets; return when no process goes by what was before."""
        # Alone: a request that is settled meanwhile is in the sum of the books, or is charged to what is new.
        result = await self._database.write_alone(script)
        # Nobody can be asked whether he has noticed; but whoever has not looked for so long asks the database.
        await asyncio.sleep(self.noticed_s)
        return result

    def _put(self, budget: Budget) -> Script[BudgetState]:
        moment = self.now()
        window = window_at(moment, budget.every, budget.timezone)
        amount = yield from spent_in(budget, window)
        yield Write(store.PUT_BUDGET, [store.budget_row(budget)])
        yield Write(store.PUT_WINDOW, [store.window_row(budget, window, amount)])
        yield CHANGED
        return (yield from self._told(budget, moment))

    def _told(self, budget: Budget, moment: datetime) -> Script[BudgetState]:
        """Return a budget that was put in, and leave the mails about what it has met already."""
        state = (yield from store.states([budget], moment))[0]
        window = window_at(moment, budget.every, budget.timezone)
        spending = Spending(budget, window_id(budget.id, window), window, state.spent)
        yield from note_crossings(spending, ZERO, self._database.clock_ns())
        return state


def found(budget_id: str, budget: Budget | None) -> Budget:
    """Return the budget that was looked for.

    Raises:
        BudgetUnknown: There is none.

    """
    if budget is None:
        raise BudgetUnknown(budget_id[:64])
    return budget


def changed(budget: Budget, change: BudgetChange) -> Budget:
    """Return the budget as it shall be; an amount in its own unit replaces one that was quoted in another."""
    if change.limit is not UNSET:
        budget = replace(budget, amount=change.limit, currency=None, quoted=None)
    return replace(
        budget,
        every=budget.every if change.window is UNSET else change.window,
        kind=budget.kind if change.kind is UNSET else change.kind,
        emails=budget.emails if change.emails is UNSET else change.emails,
        timezone=budget.timezone if change.timezone is UNSET else change.timezone,
    )
