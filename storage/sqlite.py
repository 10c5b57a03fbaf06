"""The database in a file: scripts run in one transaction, beside the writer of the hot path."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from storage.database import open_to_read, open_to_write
from storage.errors import StorageDown, UnitRefused
from storage.script import Query, Rows, Script, T, Write
from storage.statement import Row, Statement, sql

_MOST_ROWS = 32
_MOST_IDLE = 2
Opening = Callable[[Path], sqlite3.Connection]

# A constraint, a number of more than 64 bits, text that is not Unicode.
REFUSALS = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


class Sqlite:
    """Runs scripts on the file, in threads, on a few connections that are kept: a new one reads the whole schema."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers: list[sqlite3.Connection] = []
        self._writers: list[sqlite3.Connection] = []

    def clock_ns(self) -> int:
        """Return the time that all who share this database agree on, in nanoseconds of the epoch."""
        return time.time_ns()

    async def write(self, script: Callable[[], Script[T]]) -> T:
        """Run a script in one transaction, which survives a power cut once this returns.

        Raises:
            UnitRefused: A constraint refuses it; nothing of it is kept.
            StorageDown: The database cannot be written now; nothing of it is kept.

        """
        return await asyncio.to_thread(self.write_now, script)

    async def write_alone(self, script: Callable[[], Script[T]]) -> T:
        """Do as `write`: in a file, whoever writes is alone.

        Raises:
            UnitRefused: The database refuses what it writes; nothing of it is kept.
            StorageDown: The database cannot be written now; nothing of it is kept.

        """
        return await self.write(script)

    async def read(self, script: Callable[[], Script[T]]) -> T:
        """Run a script that only reads, on one state of the database.

        Raises:
            StorageDown: The database cannot be read now.

        """
        return await asyncio.to_thread(self.read_now, script)

    def write_now(self, script: Callable[[], Script[T]]) -> T:
        """Do as `write`, in this thread."""
        return self._on(self._writers, open_to_write, lambda connection: transact(connection, script()))

    def read_now(self, script: Callable[[], Script[T]]) -> T:
        """Do as `read`, in this thread."""
        return self._on(self._readers, open_to_read, lambda connection: read_at_once(connection, script()))

    def _on(self, idle: list[sqlite3.Connection], opening: Opening, work: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = None
        try:
            # Taking and giving back one of a list is a single step of the interpreter.
            connection = idle.pop() if idle else opening(self.path)
            result = work(connection)
            if len(idle) < _MOST_IDLE:
                idle.append(connection)
                connection = None
        except sqlite3.Error as cause:
            raise StorageDown(str(cause)) from cause
        finally:
            # What failed is not used again.
            if connection is not None:
                connection.close()
        return result

    async def aclose(self) -> None:
        """Close every connection."""
        for idle in (self._readers, self._writers):
            while idle:
                idle.pop().close()


def transact(connection: sqlite3.Connection, script: Script[T]) -> T:
    """Play a script in a transaction of its own.

    Raises:
        UnitRefused: The database refuses what it writes.
        sqlite3.Error: The database cannot be written; nothing of it is kept either way.

    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = play(connection, script)
        connection.execute("COMMIT")
    except BaseException as cause:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        if isinstance(cause, REFUSALS):
            raise UnitRefused(str(cause)) from cause
        raise
    return result


def read_at_once(connection: sqlite3.Connection, script: Script[T]) -> T:
    """Play a script that only reads, on one state of the database."""
    connection.execute("BEGIN")
    try:
        return play(connection, script)
    finally:
        connection.execute("ROLLBACK")


def play(connection: sqlite3.Connection, script: Script[T]) -> T:
    """Run a script to its end inside the open transaction and return what it returns."""
    try:
        step = next(script)
        while True:
            step = script.send(_rows(connection, step))
    except StopIteration as ended:
        return ended.value
    finally:
        script.close()


def _rows(connection: sqlite3.Connection, step: Query | Write) -> Rows:
    if isinstance(step, Query):
        return connection.execute(step.sql, step.values).fetchall()
    _write_rows(connection, step.statement, step.rows)
    return []


def _write_rows(connection: sqlite3.Connection, statement: Statement, rows: Sequence[Row]) -> None:
    # Each run of SQLite gives the interpreter lock away and has to win it back from a busy event loop, so 32 rows in
    # one run take half the time of 32 runs.
    for start in range(0, len(rows), _MOST_ROWS):
        part = rows[start : start + _MOST_ROWS]
        connection.execute(sql(statement, len(part)), tuple(chain.from_iterable(part)))
