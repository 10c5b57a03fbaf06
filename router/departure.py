"""Watching one client: its leaving cancels the work for it, its silence is kept alive."""

import asyncio
import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from metering.middleware import Receive

KEEP_ALIVE_S = 15.0


class Departure:
    """A context in which the current task is cancelled when the client leaves.

    The cancellation ends at the context's edge: after it, `gone` says whether the client has left. A cancellation
    from elsewhere passes through.

    Args:
        receive: The ASGI channel, its body already read.
        idle: Called after each 15 s in which nothing was written, if given.
        last_write: Seconds of the monotonic clock at the last write, for `idle`.

    """

    def __init__(
        self,
        receive: Receive,
        idle: Callable[[], Awaitable[None]] | None = None,
        last_write: Callable[[], float] = time.monotonic,
    ) -> None:
        self.gone = False
        self._receive = receive
        self._idle = idle
        self._last_write = last_write

    async def __aenter__(self) -> Self:
        """Start to watch."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - `async with` runs in a task
        self._task = task
        self._watch = asyncio.create_task(self._wait() if self._idle is None else self._wait_and_keep_alive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop watching, and take back the cancellation that the watch made."""
        self._watch.cancel()
        if not self.gone:
            return False
        if kind is None:
            try:
                await asyncio.sleep(0)
            except CancelledError:
                self._task.uncancel()
            return False
        self._task.uncancel()
        return kind is CancelledError

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._task.cancel()

    async def _wait_and_keep_alive(self) -> None:
        assert self._idle is not None  # noqa: S101 - chosen in __aenter__
        while True:
            quiet_s = time.monotonic() - self._last_write()
            if quiet_s >= KEEP_ALIVE_S:
                await self._idle()
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE_S - quiet_s):
                    await self._wait()
            except TimeoutError:
                continue
            return
