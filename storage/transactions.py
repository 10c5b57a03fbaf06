"""Units of work in one transaction: all of them, or all but those that the database refuses."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from operator import attrgetter

from storage.errors import StorageDown, UnitRefused
from storage.statement import Row, Statement, Work, sql

_MOST_ROWS = 32

# What a unit brings upon itself: a constraint, a value that does not fit, text that is not Unicode.
_REFUSALS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.NotSupportedError,
    OverflowError,
    ValueError,
)
_FAILURES = (sqlite3.Error, MemoryError)

Outcome = UnitRefused | None


class Transactions:
    """The write side of one connection, used by one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._full = True

    def commit(self, works: Sequence[Work], *, durable: bool) -> list[Outcome]:
        """Write units of work and commit once.

        Args:
            works: The units; one that is refused leaves no trace and does not disturb the others.
            durable: Whether the commit must survive a power cut; if not, it survives the end of this process.

        Returns:
            One outcome a unit, in order: None when it is in.

        Raises:
            StorageDown: The database cannot be written now; nothing of this call is in.

        """
        try:
            self._promise(full=durable)
            try:
                return self._together(works)
            except _REFUSALS:
                self._roll_back()
                return self._one_by_one(works)
        except _FAILURES as cause:
            self._roll_back()
            raise StorageDown(str(cause)) from cause

    def probe(self) -> None:
        """Write nothing of importance, to learn whether writing works again.

        Raises:
            StorageDown: It does not.

        """
        try:
            self._connection.executescript("BEGIN IMMEDIATE; PRAGMA user_version=0; COMMIT")
        except _FAILURES as cause:
            self._roll_back()
            raise StorageDown(str(cause)) from cause

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self._connection.close()

    def _promise(self, *, full: bool) -> None:
        if full is self._full:
            return
        # Not from the statement cache: some pragmas act when they are compiled (sqlite.org/pragma.html).
        self._connection.executescript(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
        self._full = full

    def _together(self, works: Sequence[Work]) -> list[Outcome]:
        self._connection.execute("BEGIN IMMEDIATE")
        self._write(chain.from_iterable(works))
        self._connection.execute("COMMIT")
        return [None] * len(works)

    def _one_by_one(self, works: Sequence[Work]) -> list[Outcome]:
        self._connection.execute("BEGIN IMMEDIATE")
        outcomes = [self._alone(work) for work in works]
        self._connection.execute("COMMIT")
        return outcomes

    def _alone(self, work: Work) -> Outcome:
        self._connection.execute("SAVEPOINT unit")
        refused: Outcome = None
        try:
            self._write(work)
        except _REFUSALS as cause:
            self._connection.execute("ROLLBACK TO unit")
            refused = UnitRefused(str(cause))
            refused.__cause__ = cause
        self._connection.execute("RELEASE unit")
        return refused

    def _write(self, work: Iterable[tuple[Statement, Row]]) -> None:
        # Rows of one statement go in together: each run of SQLite gives the interpreter lock away and has to win
        # it back from a busy event loop, so 32 rows in one run take half the time of 32 runs.
        tables: dict[Statement, list[Row]] = {}
        for statement, row in work:
            tables.setdefault(statement, []).append(row)
        for statement in sorted(tables, key=attrgetter("rank")):
            write_rows(self._connection, statement, tables[statement])

    def _roll_back(self) -> None:
        # A failed rollback leaves no transaction either, and the failure that led here is the one to tell.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def write_rows(connection: sqlite3.Connection, statement: Statement, rows: Sequence[Row]) -> None:
    """Write rows of one statement, as many to a run as SQLite is quick with."""
    for start in range(0, len(rows), _MOST_ROWS):
        part = rows[start : start + _MOST_ROWS]
        connection.execute(sql(statement, len(part)), tuple(chain.from_iterable(part)))
