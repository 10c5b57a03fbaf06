"""The frame around every metered route: opens its meter, and settles what the route left open."""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from metering.meter import Books, Meter

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MeteredApp = Callable[[Scope, Receive, Send, Meter], Awaitable[None]]


class _Randomness:
    """Random bytes of the system, drawn many at a time: each draw is a call into the kernel."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return `count` fresh bytes."""
        if self._at + count > len(self._bytes):
            self._bytes, self._at = os.urandom(4096), 0
        self._at += count
        return self._bytes[self._at - count : self._at]


_randomness = _Randomness()
# A forked process must not hand out its parent's bytes again.
os.register_at_fork(after_in_child=_randomness.__init__)


def new_request_id() -> str:
    """Return a new id: milliseconds of the clock, so that ids sort by age, then 80 random bits."""
    return f"req_{time.time_ns() // 1_000_000:011x}{_randomness.take(10).hex()}"


class Metered:
    """An ASGI application whose every request has one meter.

    Args:
        app: Serves the request and settles the meter before its last write.
        books: Where meters write.

    """

    def __init__(self, app: MeteredApp, books: Books) -> None:
        self._app = app
        self._books = books

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        meter = Meter(self._books, new_request_id())
        inflight = self._books.metrics.inflight
        inflight.inc()
        self._books.served.add(meter)
        self._books.requests += 1
        try:
            await self._app(scope, receive, send, meter)
        finally:
            inflight.dec()
            try:
                if meter.is_open:
                    await meter.settle("error")
            finally:
                self._books.served.discard(meter)
