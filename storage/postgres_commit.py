"""The writer of a process on PostgreSQL: units of work from the event loop, many to a commit, on one connection."""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any

from storage.clerk import Batch, Clerk, Unheard, Unit
from storage.errors import StorageDown, UnitRefused
from storage.postgres import Postgres
from storage.postgres_session import WRITE, CommitLost, Session
from storage.postgres_sql import Conflict
from storage.script import Query, Script
from storage.waiting import Handed, Waiting

_MOST_WAITING = 10_000
_MOST_AT_ONCE = 1_000
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PATIENCE = 4.0
_ANSWER_SECONDS = 4.0  # as patience: a server that hangs is told no later than one that is away
_TRIES = 5
_PROBE = Query("SELECT 1")


class PostgresCommit:
    """Takes units of work on the event loop and commits them together, as `GroupCommit` does in a file.

    Everything handed over while a commit is under way goes into the next one. While the database cannot be written,
    durable units wait and are tried again until they are in; others are refused. The writer recovers by itself. When
    the server is lost in a commit, it is asked whether the units are in before anything else is written: none is lost,
    and none is in twice.
    """

    def __init__(
        self,
        database: Postgres,
        clerk: Clerk,
        *,
        most_waiting: int = _MOST_WAITING,
        patience_seconds: float = _PATIENCE,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        """Start the writer on the running event loop.

        Args:
            database: Where to connect; its schema is at head.
            clerk: Who makes transactions of what is handed over.
            most_waiting: How many units may wait before those that are not durable are refused.
            patience_seconds: After how long who waits for a durable unit is told that it is not in yet.
            answer_seconds: After how long without an answer the server counts as lost.

        """
        self._answer_seconds = answer_seconds
        self._database = database
        self._clerk = clerk
        self._most_waiting = most_waiting
        self._patience_seconds = patience_seconds
        self._waiting = Waiting()
        self._queue: list[Handed] = []
        self._units: list[Handed] = []  # taken, and not in yet
        self._called = asyncio.Event()
        self._session: Session | None = None
        self._healthy = True
        self._closed = False
        self._pause = 0.0
        self._gives_up_at = float("inf")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="postgres-commit")

    @property
    def healthy(self) -> bool:
        """Whether the last commit succeeded and the writer is open."""
        return self._healthy and not self._closed

    @property
    def ready(self) -> bool:
        """Whether new work would soon be written: healthy, and without a long queue."""
        return self.healthy and len(self._waiting) < self._most_waiting

    def submit(
        self, unit: Unit, *, durable: bool, instead: Unit | None = None, unheard: Unheard | None = None
    ) -> asyncio.Future[Any]:
        """Hand over a unit of work, as `Writer` promises; one that was refused as the server was lost may be in."""
        future = asyncio.get_running_loop().create_future()
        handed = Handed(unit, future, durable=durable, instead=instead, unheard=unheard)
        if self._closed:
            self._waiting.give_up([handed])
        elif not durable and not self.ready:
            future.set_exception(StorageDown())
        else:
            self._queue.append(handed)
            self._waiting.add(handed)
            self._called.set()
        return future

    async def close(self, seconds: float) -> None:
        """Write what waits, for at most `seconds`; what is left then goes to stderr, one JSON object a unit."""
        if self._closed:
            return
        self._closed = True
        self._gives_up_at = monotonic() + seconds
        self._called.set()
        await asyncio.wait([self._task], timeout=seconds)
        self._task.cancel()
        await asyncio.wait([self._task])
        self._waiting.give_up()

    async def _run(self) -> None:
        try:
            await self._write_until_closed()
        finally:
            # Only a defect ends the task before it is told to: then nobody may wait in vain.
            self._healthy = False
            if not self._closed:
                self._closed = True
                self._waiting.give_up()
            if self._session is not None:
                await self._session.close()

    async def _write_until_closed(self) -> None:
        while not self._closed or self._queue or self._units:
            await self._take()
            try:
                await self._write()
            except StorageDown as down:
                await self._sit_out(down)
                if monotonic() > self._gives_up_at:
                    return
            else:
                self._healthy = True
                self._pause = 0.0

    async def _take(self) -> None:
        """Wait for work, unless there is some or the database has to be tried, and take what is there."""
        if self._healthy and not self._queue and not self._closed:
            self._called.clear()
            await self._called.wait()
        room = max(_MOST_AT_ONCE - len(self._units), 0)
        self._units += self._queue[:room]
        self._queue = self._queue[room:]

    async def _sit_out(self, down: StorageDown) -> None:
        """Tell who waits in vain, and wait a while, longer each time."""
        self._healthy = False
        everything = self._units + self._queue
        self._waiting.refuse([handed for handed in everything if not handed.durable], StorageDown(str(down)))
        self._units = [handed for handed in everything if handed.durable]
        self._queue = []
        await self._rest()

    async def _rest(self) -> None:
        durable = [handed for handed in self._units + self._queue if handed.durable]
        self._waiting.disappoint(durable, self._patience_seconds)
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        await asyncio.sleep(self._pause)

    async def _write(self) -> None:
        if self._units:
            await self._commit(self._units)
        elif not self._healthy:
            await (await self._connected()).read(_probe())

    async def _commit(self, units: list[Handed]) -> None:
        """Commit units; who is guilty of a refusal is found by halves, and the others are in."""
        batch = self._clerk.batch([handed.unit for handed in units], self._database.clock_ns())
        try:
            durable = any(handed.durable for handed in units)
            outcomes = await self._transact(batch, durable=durable)
        except UnitRefused as refused:
            if len(units) > 1:
                half = len(units) // 2
                await self._commit(units[:half])
                await self._commit(units[half:])
            else:
                self._units = self._units[1:]
                self._waiting.refuse(units, refused)
                if units[0].instead is not None:
                    self.submit(units[0].instead, durable=True)
            return
        batch.committed()
        self._units = self._units[len(units) :]
        self._waiting.settle(zip(units, outcomes, strict=True))

    async def _transact(self, batch: Batch, *, durable: bool) -> list[object]:
        for _ in range(_TRIES):
            try:
                return await (await self._connected()).write(batch.script(), WRITE, lambda: durable or batch.lasts)
            except CommitLost as lost:
                if await self._is_in(lost.token):
                    return lost.result
            except Conflict:
                continue
        raise StorageDown("the transaction stood in the way of others again and again")

    async def _is_in(self, token: str) -> bool:
        """Ask until it is known; what is not known is neither told nor tried again."""
        while True:
            with suppress(StorageDown):
                return await (await self._connected()).is_in(token)
            self._healthy = False
            waits = [handed for handed in self._queue if not handed.durable]
            self._queue = [handed for handed in self._queue if handed.durable]
            self._waiting.refuse(waits, StorageDown())
            await self._rest()

    async def _connected(self) -> Session:
        if self._session is None or self._session.closed:
            self._session = await self._database.session(self._answer_seconds)
        return self._session


def _probe() -> Script[None]:
    yield _PROBE
