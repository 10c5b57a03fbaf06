"""Rows of the ledger, holds and owners as other parts of the gateway would write them, for the tests of budgets."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

from accounts.budgets import BudgetState, NewBudget, window_id
from accounts.budgets_store import PUT_HOLD
from accounts.windows import window_at
from storage.script import Database, Query, Script, Write
from storage.statement import insert_into

_LEDGER = insert_into(
    "ledger",
    (
        *("request_id", "opened_at", "settled_at", "route", "agent", "model", "project_id", "subject", "status"),
        *("cost_eur", "emissions_kg", "key_id"),
    ),
    rank=0,
)
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


async def settle(
    database: Database,
    opened_at: datetime,
    euros: str | None = None,
    kilograms: str | None = None,
    project_id: str = "proj-default",
    key_id: str | None = None,
) -> None:
    """Append one request to the ledger."""
    await settle_all(database, [(opened_at, euros, kilograms, project_id, key_id)])


async def settle_all(
    database: Database, requests: Iterable[tuple[datetime, str | None, str | None, str, str | None]]
) -> None:
    rows = [
        (f"r{next(_numbers)}", iso(at), iso(at), "/completion", "V2", "m", project, "s", "ok", euros, kilograms, key)
        for at, euros, kilograms, project, key in requests
    ]

    def script() -> Script[None]:
        yield Write(_LEDGER, rows)

    await database.write(script)


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
