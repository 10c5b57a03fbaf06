"""The database of many processes and machines: scripts run on a few connections to PostgreSQL."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic, monotonic_ns, time_ns

from storage.errors import OutcomeUnknown, StorageDown
from storage.postgres_session import ANSWER_SECONDS, WRITE, WRITE_ALONE, CommitLost, Session
from storage.postgres_sql import Conflict
from storage.script import Script, T

_MOST_SESSIONS = 5
_TRIES = 5
_WAIT_SECONDS = 5.0  # for a connection that is free, and for a server that took a commit with it
_ASK_EVERY_S = 0.1
_CLOCK_EVERY_NS = 10 * 10**9


class Postgres:
    """Runs scripts on a pool of connections, which are made when they are needed and made anew when they are lost."""

    def __init__(self, url: str, *, most_sessions: int = _MOST_SESSIONS) -> None:
        """Connect to nothing yet.

        Args:
            url: `postgresql://user:password@host:port/name`.
            most_sessions: How many scripts may run at once; others wait.

        """
        self._url = url
        self._idle: list[Session] = []
        self._closed = False
        self._free = asyncio.Semaphore(most_sessions)
        self._offset_ns = time_ns() - monotonic_ns()
        self._calibrated_ns: int | None = None

    def clock_ns(self) -> int:
        """Return the server's time in nanoseconds of the epoch, as far as it is known; the local one at first."""
        return monotonic_ns() + self._offset_ns

    async def write(self, script: Callable[[], Script[T]]) -> T:
        """Run a script in one transaction, which survives a power cut once this returns.

        Raises:
            UnitRefused: The database refuses what it writes; nothing of it is kept.
            StorageDown: The database cannot be written now; nothing of it is kept.
            OutcomeUnknown: The connection was lost in the commit, and the server did not come back soon enough.

        """
        return await self._write(script, WRITE)

    async def write_alone(self, script: Callable[[], Script[T]]) -> T:
        """Do as `write`, while nobody else writes: for what must not pass beside a transaction under way.

        Raises:
            UnitRefused: The database refuses what it writes; nothing of it is kept.
            StorageDown: The database cannot be written now; nothing of it is kept.
            OutcomeUnknown: The connection was lost in the commit, and the server did not come back soon enough.

        """
        return await self._write(script, WRITE_ALONE)

    async def read(self, script: Callable[[], Script[T]]) -> T:
        """Run a script that only reads, on one state of the database.

        Raises:
            StorageDown: The database cannot be read now.

        """
        for _ in range(_TRIES):
            with suppress(Conflict):
                async with self._session() as session:
                    return await session.read(script())
        raise StorageDown("the connection was lost again and again")

    async def session(self, answer_seconds: float = ANSWER_SECONDS) -> Session:
        """Return a connection of the caller's own, and learn what time it is there.

        Args:
            answer_seconds: After how long without an answer the server counts as lost.

        Raises:
            StorageDown: The server cannot be reached, or this is closed.

        """
        if self._closed:
            raise StorageDown("closed")
        session = await Session.open(self._url, answer_seconds)
        try:
            await self._calibrate(session)
            await session.tidy()
        except StorageDown:
            await session.close()
            raise
        return session

    async def aclose(self) -> None:
        """Close the connections that nobody uses; the others close when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _write(self, script: Callable[[], Script[T]], opening: str) -> T:
        for _ in range(_TRIES):
            try:
                async with self._session() as session:
                    return await session.write(script(), opening)
            except CommitLost as lost:
                if await self._is_in(lost):
                    return lost.result
            except Conflict:
                continue
        raise StorageDown("the transaction stood in the way of others again and again")

    async def _is_in(self, lost: CommitLost) -> bool:
        until = monotonic() + _WAIT_SECONDS
        while monotonic() < until:
            with suppress(StorageDown):
                async with self._session() as session:
                    return await session.is_in(lost.token)
            await asyncio.sleep(_ASK_EVERY_S)
        raise OutcomeUnknown(str(lost)) from lost

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[Session]:
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError as cause:
            raise StorageDown("all connections are in use") from cause
        try:
            session = await self._idle_or_new()
            try:
                await self._calibrate_if_due(session)
                yield session
            finally:
                if session.closed:
                    # The server that went away took the others with it.
                    self._idle = [other for other in self._idle if not other.closed]
                elif self._closed:
                    await session.close()
                else:
                    self._idle.append(session)
        finally:
            self._free.release()

    async def _idle_or_new(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            if not session.closed:
                return session
        return await self.session()

    async def _calibrate_if_due(self, session: Session) -> None:
        if self._calibrated_ns is None or monotonic_ns() - self._calibrated_ns > _CLOCK_EVERY_NS:
            await self._calibrate(session)

    async def _calibrate(self, session: Session) -> None:
        self._offset_ns, _ = await session.clock()
        self._calibrated_ns = monotonic_ns()
