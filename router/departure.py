"""Watching one client: its leaving cancels the work for it, its silence is kept alive."""

import asyncio
import time
from asyncio import CancelledError, Task, TimerHandle
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from router.line import Line

KEEP_ALIVE_S = 15.0


class Departure:
    """A context in which the current task is cancelled when the client leaves.

    The cancellation ends at the context's edge: after it, `gone` says whether the client has left. A cancellation
    from elsewhere passes through.

    Args:
        line: To the client; without one nobody is watched.
        idle: Called whenever nothing was written for 15 s, if given.
        last_write: Seconds of the monotonic clock at the last write, for `idle`.

    """

    def __init__(
        self,
        line: Line | None,
        idle: Callable[[], Awaitable[None]] | None = None,
        last_write: Callable[[], float] = time.monotonic,
    ) -> None:
        self.gone = False
        self._line = line
        self._idle = idle
        self._last_write = last_write
        self._task: Task[None] | None = None
        self._timer: TimerHandle | None = None
        self._writing: Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start to watch."""
        self._task = asyncio.current_task()
        if self._line is not None:
            self._line.watch(self._leave)
        if self._idle is not None:
            self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop watching, and take back the cancellation that the watch made."""
        task, self._task = self._task, None
        if self._line is not None:
            self._line.watch(None)
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        if not self.gone or task is None:
            return False
        if kind is not CancelledError:
            # The client left as the work ended: the cancellation is on its way and ends here.
            try:
                await asyncio.sleep(0)
            except CancelledError:
                task.uncancel()
            return False
        task.uncancel()
        return True

    def _leave(self) -> None:
        self.gone = True
        if self._task is not None:
            self._task.cancel()

    def _look(self) -> None:
        """Keep the connection alive if it has been quiet for long, and look again later."""
        quiet_s = time.monotonic() - self._last_write()
        if quiet_s >= KEEP_ALIVE_S:
            quiet_s = 0.0
            if self._idle is not None and (self._writing is None or self._writing.done()):
                self._writing = asyncio.ensure_future(self._idle())
        self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE_S - quiet_s, self._look)
