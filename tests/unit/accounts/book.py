"""Rows of the ledger, holds and owners as other parts of the gateway would write them, for the tests of budgets."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

from msgspec.structs import replace

from accounts.budgets.budget import BudgetState, NewBudget, window_id
from accounts.budgets.store import PUT_HOLD
from accounts.budgets.windows import window_at
from accounts.gate.clerk import Clerk
from storage.script import Database, Query, Script, Write
from tests.unit.metering.samples import entry

_numbers = count()


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


class Clocked:
    """A database whose clock stands where the test puts it."""

    def __init__(self, database: Database, now: datetime) -> None:
        self._database = database
        self.now = now

    def clock_ns(self) -> int:
        return (self.now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)


async def settle(database: Database, opened_at: datetime, euros: str = "0", **of: str | None) -> None:
    """Settle one request, as the gateway does it."""
    await settle_all(database, opened_at, [euros], **of)


async def settle_all(
    database: Database,
    opened_at: datetime,
    euros: Iterable[str],
    *,
    kilograms: str | None = None,
    project_id: str = "proj-default",
    key_id: str | None = None,
) -> None:
    """Settle requests of these costs in one transaction."""
    grams = None if kilograms is None else Decimal(kilograms)
    entries = [
        replace(
            sample := entry(f"r{next(_numbers)}", project_id=project_id, cost=Decimal(cost), kg=grams),
            admission=replace(sample.admission, opened_at=opened_at, key_id=key_id),
        )
        for cost in euros
    ]
    clerk = Clerk(f"clerk-{next(_numbers)}", lists_open=False)
    await database.write(clerk.batch(entries, database.clock_ns()).script)


async def hold(database: Database, counter: str, amount: str, owner: str = "owner-1") -> None:
    """Say what the requests of one process hold."""

    def script() -> Script[None]:
        yield Write(PUT_HOLD, [(counter, owner, amount)])

    await database.write(script)


def counter_of(state: BudgetState, moment: datetime) -> str:
    """Return the counter of what is held of a budget at a moment."""
    return window_id(state.budget.id, window_at(moment, state.budget.every, state.budget.timezone))


async def add_key(database: Database, key_id: str, project_id: str = "proj-default") -> None:
    text = (
        "INSERT INTO keys (id, digest, kind, project_id, name, masked, scopes, created_at) "
        "VALUES (?, ?, 'project', ?, 'k', 'sk-...', '[]', '2026-01-01T00:00:00.000000+00:00')"
    )

    def script() -> Script[None]:
        yield Query(text, (key_id, f"digest of {key_id}", project_id))

    await database.write(script)


async def add_project(database: Database, project_id: str) -> None:
    def script() -> Script[None]:
        yield Query(
            "INSERT INTO projects (id, name, created_at) VALUES (?, 'p', ?)", (project_id, iso(datetime.now(UTC)))
        )

    await database.write(script)


async def revision_of(database: Database) -> int:
    def script() -> Script[int]:
        rows = yield Query("SELECT number FROM revision")
        return rows[0][0]

    return await database.read(script)


def new(limit: str = "20", **fields: object) -> NewBudget:
    """Ask for a hard monthly euro budget of the organisation, but for what is said otherwise."""
    stated = {"scope": "organization", "unit": "EUR", "window": "month", "kind": "hard", "timezone": "UTC"}
    return NewBudget(limit=Decimal(limit), **(stated | fields))
