"""The one writer of a process: units of work from the event loop, many to a commit, in a thread of its own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep, time_ns
from typing import Any

from storage.clerk import Clerk, Unheard, Unit
from storage.database import BUSY_SECONDS, open_to_write
from storage.errors import StorageDown, UnitRefused
from storage.transactions import Transactions
from storage.waiting import Handed, Waiting

_MOST_WAITING = 10_000
_MOST_AT_ONCE = 1_000
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PATIENCE = 4.0  # less than one attempt on a locked database: its failure is told at once
_GATHER_S = 0.003


class GroupCommit:
    """Takes units of work on the event loop and commits them together.

    Everything handed over while a commit is under way goes into the next one. While the database cannot be written,
    durable units wait and are tried again until they are in; others are refused. The writer recovers by itself.
    """

    def __init__(
        self,
        path: Path,
        clerk: Clerk,
        *,
        busy_seconds: float = BUSY_SECONDS,
        most_waiting: int = _MOST_WAITING,
        patience_seconds: float = _PATIENCE,
    ) -> None:
        """Start the writer for the running event loop.

        Args:
            path: The database, which exists and is at head.
            clerk: Who makes transactions of what is handed over; it works in the writer's thread.
            busy_seconds: How long a commit waits for another process to unlock the database.
            most_waiting: How many units may wait before those that are not durable are refused.
            patience_seconds: After how long who waits for a durable unit is told that it is not in yet.

        Raises:
            StorageDown: The database cannot be opened.

        """
        self._loop = asyncio.get_running_loop()
        self._clerk = clerk
        sure, quick = (open_to_write(path, busy_seconds=busy_seconds) for _ in range(2))
        self._transactions = Transactions(sure, quick)
        self._most_waiting = most_waiting
        self._patience_seconds = patience_seconds
        self._queue: SimpleQueue[list[Handed] | None] = SimpleQueue()
        self._outbox: list[Handed] = []
        self._waiting = Waiting()
        self._units: list[Handed] = []  # the thread's own
        self._crowded = False  # so is this: whether the last commit served several
        self._healthy = True
        self._closed = False
        self._gives_up_at = float("inf")
        # A daemon: a disk that hangs for ever must not keep the process from ending.
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

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
        """Hand over a unit of work, as `Writer` promises."""
        future = self._loop.create_future()
        handed = Handed(unit, future, durable=durable, instead=instead, unheard=unheard)
        if self._closed:
            self._waiting.give_up([handed])
        elif not durable and not self.ready:
            future.set_exception(StorageDown())
        else:
            if not self._outbox:
                self._loop.call_soon(self._hand_over)
            self._outbox.append(handed)
            self._waiting.add(handed)
        return future

    async def close(self, seconds: float) -> None:
        """Write what waits, for at most `seconds`; what is left then goes to stderr, one JSON object a unit."""
        if self._closed:
            return
        self._hand_over()
        self._closed = True
        self._gives_up_at = monotonic() + seconds
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, seconds)
        self._waiting.give_up()

    def _hand_over(self) -> None:
        if self._outbox:
            self._queue.put(self._outbox)
            self._outbox = []

    def _refuse(self, handed: Handed, refused: UnitRefused) -> None:
        self._waiting.refuse([handed], refused)
        if handed.instead is not None:
            self.submit(handed.instead, durable=True)

    def _thread_ended(self) -> None:
        self._closed = True
        self._waiting.give_up()

    # From here on, what runs in the writer's thread.

    def _run(self) -> None:
        try:
            self._write_until_closed()
        finally:
            # Only a defect ends the thread before it is told to: then nobody may wait in vain.
            self._healthy = False
            self._tell_loop(self._thread_ended)
        self._transactions.close()

    def _write_until_closed(self) -> None:
        pause = 0.0
        open_ = True
        while open_ or self._units:
            open_ = (self._sit_out(pause) if pause else self._take()) and open_
            self._crowded = len(self._units) > 1
            try:
                self._write()
            except StorageDown as down:
                self._healthy = False
                self._refuse_admissions(str(down))
                self._tell_loop(self._waiting.disappoint, list(self._units), self._patience_seconds)
                pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
                if monotonic() > self._gives_up_at:
                    return
            else:
                self._healthy = True
                pause = 0.0

    def _take(self) -> bool:
        """Wait for work and take what is there; return False once told to close."""
        handed = self._queue.get()
        if self._crowded and handed is not None:
            # Each commit costs a flush and two hand-overs between threads: under load, fewer and larger ones are
            # cheaper for all.
            sleep(_GATHER_S)
        while handed is not None:
            self._units += handed
            if len(self._units) >= _MOST_AT_ONCE:
                return True
            try:
                handed = self._queue.get_nowait()
            except Empty:
                return True
        return False

    def _sit_out(self, seconds: float) -> bool:
        """Gather work while the storage is down, for so long or until told to close; return False then."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            try:
                handed = self._queue.get(timeout=left)
            except Empty:
                return True
            if handed is None:
                return False
            self._units += handed
            self._refuse_admissions("still failing")
        return True

    def _write(self) -> None:
        if self._units:
            self._commit(self._units)
        elif not self._healthy:
            self._transactions.probe()

    def _commit(self, units: list[Handed]) -> None:
        """Commit units; who is guilty of a refusal is found by halves, and the others are in."""
        batch = self._clerk.batch([handed.unit for handed in units], time_ns())
        try:
            outcomes = self._transactions.commit(batch.script(), durable=any(handed.durable for handed in units))
        except UnitRefused as refused:
            if len(units) > 1:
                half = len(units) // 2
                self._commit(units[:half])
                self._commit(units[half:])
            else:
                self._units = self._units[1:]
                self._tell_loop(self._refuse, units[0], refused)
            return
        batch.committed()
        # Before anybody hears of it: whoever does may hand over the next unit at once.
        self._healthy = True
        self._units = self._units[len(units) :]
        self._tell_loop(self._waiting.settle, list(zip(units, outcomes, strict=True)))

    def _refuse_admissions(self, cause: str) -> None:
        refused = [handed for handed in self._units if not handed.durable]
        self._units = [handed for handed in self._units if handed.durable]
        self._tell_loop(self._waiting.refuse, refused, StorageDown(cause))

    def _tell_loop(self, callback: Callable[..., None], *args: object) -> None:
        # A loop that is closed has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)
