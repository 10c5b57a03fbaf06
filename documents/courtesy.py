"""Lets those who ask go first: while requests are served, work behind them rests for longer than it works."""

import asyncio
from collections.abc import Callable
from time import monotonic

RESTS = 19.0
"""How long is rested for each second of work: two documents at a time then take a tenth of a core's time. On two cores
that stay busy with requests, 7 let six small documents a second through, and their added p99 rose 2.4 times."""
LONGEST_REST_S = 10.0
QUIET_AFTER_S = 2.0


class Courtesy:
    """Knows whether requests are served now, and rests if so.

    Args:
        served: Returns how many requests have come so far.
        rests: How long is rested for each second of work.

    """

    def __init__(self, served: Callable[[], int], rests: float = RESTS) -> None:
        self._served = served
        self._rests = rests
        self._seen = served()
        self._seen_at = float("-inf")

    @property
    def wanted(self) -> bool:
        """Whether a request came within the last seconds, as far as anybody looked."""
        now, count = monotonic(), self._served()
        if count != self._seen:
            self._seen, self._seen_at = count, now
        return now - self._seen_at < QUIET_AFTER_S

    async def rest_after(self, seconds: float) -> None:
        """Rest for so much work, if anybody is served."""
        if self.wanted:
            await asyncio.sleep(min(self._rests * seconds, LONGEST_REST_S))


NOBODY = Courtesy(lambda: 0)
"""Where no request is ever served."""
