"""Transactions of the hot path, on the two connections that its thread keeps."""

import sqlite3
from contextlib import suppress

from storage.errors import StorageDown, UnitRefused
from storage.script import Script, T
from storage.sqlite import REFUSALS, transact

# What a unit brings upon itself beyond what the database refuses: its clerk cannot make rows of it.
_REFUSALS = (*REFUSALS, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.NotSupportedError, ValueError)
_FAILURES = (sqlite3.Error, MemoryError)


class Transactions:
    """The write side of a database, used by one thread.

    Args:
        sure: Where commits survive a power cut.
        quick: Where they survive the end of this process; a connection of its own, for changing what one promises
            between commits costs more than the commit.

    """

    def __init__(self, sure: sqlite3.Connection, quick: sqlite3.Connection) -> None:
        self._sure = sure
        self._quick = quick
        quick.executescript("PRAGMA synchronous=NORMAL")

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
            return transact(self._sure if durable else self._quick, script)
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
            self._sure.executescript("BEGIN IMMEDIATE; PRAGMA user_version=0; COMMIT")
        except _FAILURES as cause:
            with suppress(sqlite3.Error):
                if self._sure.in_transaction:
                    self._sure.execute("ROLLBACK")
            raise StorageDown(str(cause)) from cause

    def close(self) -> None:
        """Close the connections; what was committed stays."""
        self._sure.close()
        self._quick.close()
