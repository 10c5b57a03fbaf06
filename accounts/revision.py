"""How long what a process remembers of the accounts holds: until their revision changes, looked at often."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from storage.errors import StorageDown
from storage.script import Database, Query, Script

LOOK_EVERY_S = 0.2
FRESH_FOR_S = 0.5
SILENT_AFTER_S = 2.0
CHANGED = Query("UPDATE revision SET number = number + 1")
_READ = Query("SELECT number FROM revision")


class Revision:
    """Watches the revision; whoever changes a key, project, limit or budget yields `CHANGED` in that transaction.

    What was remembered may be used while `fresh`; then a change anywhere is seen everywhere within half a second. While
    it is not, the database is asked.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._number = 0
        self._looked_at = float("-inf")
        self._forget: list[Callable[[], None]] = []

    @property
    def fresh(self) -> bool:
        """Whether the revision was looked at within the last half second."""
        return time.monotonic() - self._looked_at < FRESH_FOR_S

    @property
    def answered(self) -> bool:
        """Whether the database answered within the last two seconds."""
        return time.monotonic() - self._looked_at < SILENT_AFTER_S

    def on_change(self, forget: Callable[[], None]) -> None:
        """Have `forget` called at every change: it drops what was remembered."""
        self._forget.append(forget)

    async def look(self) -> None:
        """Look at the revision now.

        Raises:
            StorageDown: It cannot be read.

        """
        # What is read may already be as old as the question.
        began = time.monotonic()
        number = await self._database.read(_revision)
        if number != self._number:
            self._number = number
            for forget in self._forget:
                forget()
        self._looked_at = began

    async def watch(self) -> None:
        """Look again and again, until cancelled; an outage only makes what is remembered stale."""
        while True:
            with suppress(StorageDown):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)


def _revision() -> Script[int]:
    rows = yield _READ
    return rows[0][0]
