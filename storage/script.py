"""Transactions as scripts: generators that yield SQL and are sent its rows, the same on every database."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from storage.statement import Row, Statement

T = TypeVar("T")


class Query(Struct, frozen=True):
    """One SQL text with `?` for its values; its rows are sent back, none for a write without RETURNING.

    `locks` keeps other transactions from the rows that were read until this one ends; such a query is ordered, so that
    no two transactions wait for each other. `skips_locked` locks as well, but leaves out the rows that another
    transaction has locked. SQLite has one writer at a time and needs no such lock.
    """

    sql: str
    values: Row = ()
    locks: bool = False
    skips_locked: bool = False


class Write(Struct, frozen=True):
    """Rows for one prepared statement, in one go; nothing is sent back."""

    statement: Statement
    rows: Sequence[Row]


Rows = list[tuple[Any, ...]]
Script = Generator[Query | Write, Rows, T]


class Database(Protocol):
    """Where scripts run; each call is one transaction."""

    def clock_ns(self) -> int:
        """Return the time that all who share this database agree on, in nanoseconds of the epoch."""
        ...

    async def write(self, script: Callable[[], Script[T]]) -> T:
        """Run a script; what it wrote survives a power cut once this returns.

        Raises:
            UnitRefused: The database refuses what it writes; nothing of it is kept.
            StorageDown: The database cannot be written now; nothing of it is kept.
            OutcomeUnknown: The connection was lost in the commit, and the server did not come back soon enough.

        """
        ...

    async def write_alone(self, script: Callable[[], Script[T]]) -> T:
        """Do as `write`, while nobody else writes: for what must not pass beside a transaction under way.

        Raises:
            UnitRefused: The database refuses what it writes; nothing of it is kept.
            StorageDown: The database cannot be written now; nothing of it is kept.
            OutcomeUnknown: The connection was lost in the commit, and the server did not come back soon enough.

        """
        ...

    async def read(self, script: Callable[[], Script[T]]) -> T:
        """Run a script that only reads, on one state of the database.

        Raises:
            StorageDown: The database cannot be read now.

        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


def places(count: int) -> str:
    """Return the placeholders of an IN list of so many values; of none, one that nothing equals."""
    return ",".join("?" * count) if count else "NULL"
