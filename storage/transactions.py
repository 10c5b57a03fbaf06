"""Transactions of the hot path, on the one connection that its thread keeps."""

import sqlite3
from contextlib import suppress

from storage.errors import StorageDown, UnitRefused
from storage.script import Script, T
from storage.sqlite import REFUSALS, transact

# What a unit brings upon itself beyond what the database refuses: its clerk cannot make rows of it.
_REFUSALS = (*REFUSALS, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.NotSupportedError, ValueError)
_FAILURES = (sqlite3.Error, MemoryError)


class Transactions:
    """The write side of one connection, used by one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._full = True

    def commit(self, script: Script[T], *, durable: bool) -> T:
        """Play a script in a transaction of its own.

        Args:
            script: What is read and written.
            durable: Whether the commit must survive a power cut; if not, it survives the end of this process.

        Returns:
            What the script returns.

        Raises:
            UnitRefused: The database refuses what the script writes; nothing of it is in.
            StorageDown: The database cannot be written now; nothing of it is in.

        """
        try:
            self._promise(full=durable)
            return transact(self._connection, script)
        except _REFUSALS as cause:
            raise UnitRefused(str(cause)) from cause
        except _FAILURES as cause:
            raise StorageDown(str(cause)) from cause

    def probe(self) -> None:
        """Write nothing of importance, to learn whether writing works again.

        Raises:
            StorageDown: It does not.

        """
        try:
            self._connection.executescript("BEGIN IMMEDIATE; PRAGMA user_version=0; COMMIT")
        except _FAILURES as cause:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
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
