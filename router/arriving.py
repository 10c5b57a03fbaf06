"""A body that is taken as it comes: bounded in size, and in how slowly it may come."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from time import monotonic
from typing import Any

from msgspec import Struct

from metering.middleware import Receive
from router.decoding import ClientGone, check_length, too_large
from router.errors import Refused


class Pace(Struct, frozen=True):
    """How slowly a body may come: how long nothing may, and what must come in a second all in all.

    A line of 64 kbit/s is fast enough; one byte now and then is not.
    """

    idle_s: float = 30.0
    bytes_per_s: float = 8_000.0


USUAL = Pace()


async def arriving(
    receive: Receive, headers: Iterable[tuple[bytes, bytes]], most: int, pace: Pace = USUAL
) -> AsyncGenerator[bytes]:
    """Yield what comes of a body, in order.

    Args:
        receive: The ASGI channel.
        headers: Of the request; a declared length over the limit is refused before a byte is read.
        most: Most bytes.
        pace: How slowly they may come; the time that the consumer takes does not count.

    Raises:
        Refused: `body_too_large`, `request_timeout`.
        ClientGone: The client left.

    """
    check_length(headers, most)
    received, waited_s, more = 0, 0.0, True
    while more:
        began_s = monotonic()
        left_s = pace.idle_s + received / pace.bytes_per_s - waited_s
        try:
            async with asyncio.timeout(min(pace.idle_s, left_s)):
                message: Any = await receive()
        except TimeoutError as cause:
            raise Refused("request_timeout") from cause
        waited_s += monotonic() - began_s
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        received += len(body)
        if received > most:
            raise too_large(most)
        more = message.get("more_body", False)
        if body:
            yield body
