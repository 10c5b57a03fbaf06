"""Which processes live when they share no files: each renews a lease; whoever finds one ended buries its owner."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from storage.errors import StorageDown
from storage.script import Database, Query, Script, Write
from storage.statement import delete_from, upsert

_SECONDS = 15.0
_TRY_AGAIN_S = 1.0
_RELEASED = 0
_TAKE = upsert("owners", ("id", "lease_until_ns"), key=1, rank=0)
_GONE = delete_from("owners", "id", rank=9)
_log = logging.getLogger("router")


class Lease:
    """The sign of life of one process, in the database that it shares with others."""

    def __init__(self, database: Database, owner_id: str, seconds: float = _SECONDS) -> None:
        """Take nothing yet.

        Args:
            database: Where all processes keep their leases.
            owner_id: The name of this process, which no other ever had.
            seconds: For how long it counts as alive without a word; it renews three times as often.

        """
        self._database = database
        self.owner_id = owner_id
        self._seconds = seconds
        self._until = float("-inf")
        self._steady_since = float("inf")

    @property
    def held(self) -> bool:
        """Whether no other process may count this one as dead now."""
        return monotonic() < self._until

    @property
    def steady(self) -> bool:
        """Whether the database was there whenever it was asked, for as long as a lease lasts.

        Only then is a lease that ended a sign of death: after an outage everybody's has.
        """
        return self.held and monotonic() - self._steady_since >= self._seconds

    async def take(self) -> None:
        """Begin to live; call it before anything is owned.

        Raises:
            StorageDown: The database cannot be written now.

        """
        began = monotonic()
        await self._database.write(self._taken)
        self._until = began + self._seconds
        self._steady_since = began

    async def renew(self) -> bool:
        """Live on; return False when this process was buried meanwhile, and lives anew.

        Raises:
            StorageDown: The database cannot be written now.

        """
        began = monotonic()
        try:
            lived = await self._database.write(self._renewed)
        except StorageDown:
            self._steady_since = float("inf")
            raise
        self._until = began + self._seconds
        self._steady_since = min(self._steady_since, began)
        return lived

    async def keep(self, revived: Callable[[], None] = lambda: None) -> None:
        """Renew again and again, until cancelled.

        Args:
            revived: Called when this process was buried meanwhile: what it holds is no longer written anywhere.

        """
        while True:
            pause = self._seconds / 3
            # The sooner after an outage, the fewer are taken for dead.
            await asyncio.sleep(min(pause, _TRY_AGAIN_S) if self._steady_since == float("inf") else pause)
            with suppress(StorageDown):
                if not await self.renew():
                    _log.error(
                        "process %s slept for more than %g s and was taken for dead: what it had let in was closed as "
                        "unknown, what it held was given back",
                        self.owner_id,
                        self._seconds,
                    )
                    revived()

    async def release(self) -> None:
        """End the lease now; what is still owned is buried by whoever comes by.

        Raises:
            StorageDown: The database cannot be written now; the lease ends by itself.

        """
        self._until = float("-inf")
        await self._database.write(self._released)

    def _taken(self) -> Script[None]:
        yield Write(_TAKE, [(self.owner_id, self._end())])

    def _renewed(self) -> Script[bool]:
        renew = "UPDATE owners SET lease_until_ns = ? WHERE id = ? RETURNING id"
        lived = yield Query(renew, (self._end(), self.owner_id))
        if not lived:
            yield from self._taken()
        return bool(lived)

    def _released(self) -> Script[None]:
        yield Query("UPDATE owners SET lease_until_ns = ? WHERE id = ?", (_RELEASED, self.owner_id))

    def _end(self) -> int:
        return self._database.clock_ns() + int(self._seconds * 10**9)


def expired(now_ns: int) -> Script[list[str]]:
    """Return the owners whose lease has ended, locked: nobody else buries them, and none comes to life meanwhile.

    Args:
        now_ns: The database's time.

    """
    ended = "SELECT id FROM owners WHERE lease_until_ns < ? ORDER BY id"
    rows = yield Query(ended, (now_ns,), skips_locked=True)
    return [owner for (owner,) in rows]


async def bury_expired(database: Database, bury: Callable[[str], Script[int]]) -> int:
    """Bury every owner whose lease has ended, in one transaction; safe beside others that do the same.

    Args:
        database: Where all processes keep their leases.
        bury: Ends what one owner left behind, and returns how much that was.

    Returns:
        The sum of what `bury` returned.

    Raises:
        StorageDown: The database cannot be written now; who was not buried will be, by the next that tries.

    """
    return await database.write(lambda: _buried(database.clock_ns(), bury))


async def bury_released(database: Database, bury: Callable[[str], Script[int]]) -> int:
    """Do as `bury_expired` for owners that ended in order: their leases were released, and did not just end."""
    return await database.write(lambda: _buried(_RELEASED + 1, bury))


def _buried(now_ns: int, bury: Callable[[str], Script[int]]) -> Script[int]:
    closed = 0
    owners = yield from expired(now_ns)
    for owner in owners:
        closed += yield from bury(owner)
    yield Write(_GONE, [(owner,) for owner in owners])
    return closed
