"""When keys were last used: gathered in memory, written at most once a minute a key (6.7)."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from accounts.keys import store as keys_store
from storage.errors import StorageError
from storage.script import Database

EVERY_S = 1.0
AT_MOST_EVERY = timedelta(minutes=1)
MOST_AT_ONCE = 200


class LastUses:
    """Gathers the uses of this process; `latest` is written to on the hot path, by key, in seconds of the epoch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: dict[str, datetime] = {}
        self.latest: dict[str, float] = {}

    async def watch(self) -> None:
        """Write again and again, until cancelled; an outage only delays what is shown."""
        while True:
            await asyncio.sleep(EVERY_S)
            with suppress(StorageError):
                await self.write()

    async def write(self) -> None:
        """Write the uses of keys that were not written within the last minute; the others wait.

        Raises:
            StorageDown: They cannot be written now, and are kept.

        """
        now = datetime.now(UTC)
        self._written = {key_id: at for key_id, at in self._written.items() if now - at < AT_MOST_EVERY}
        due = [key_id for key_id in self.latest if key_id not in self._written][:MOST_AT_ONCE]
        if not due:
            return
        seen = {key_id: self.latest[key_id] for key_id in due}
        uses = [(key_id, datetime.fromtimestamp(at, UTC)) for key_id, at in seen.items()]
        before = [(used_at - AT_MOST_EVERY).isoformat(timespec="microseconds") for _, used_at in uses]
        await self._database.write(lambda: keys_store.note_uses(uses, before))
        for key_id, at in seen.items():
            self._written[key_id] = now
            # Compared as it was read: a time loses its last bits when it is written.
            if self.latest[key_id] == at:
                del self.latest[key_id]
