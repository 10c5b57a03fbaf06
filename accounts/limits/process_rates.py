"""The counters of the rate limits in this process: what is left when nothing that processes share can be reached."""

import time
from collections.abc import Callable, Sequence

from accounts.limits.gcra import Rate, Verdict, give_back, owe, take

MOST_COUNTERS = 10_000


class ProcessRates:
    """Counts for this process alone: `n` processes let up to `n` times the limit pass."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._tats: dict[str, int] = {}

    @property
    def healthy(self) -> bool:
        """Always: it depends on nothing."""
        return True

    async def take(self, rates: Sequence[Rate]) -> Verdict:
        """Take the cost of each rate, or nothing when one refuses."""
        now_ns = self._clock_ns()
        verdict, changed = take(self._tats, rates, now_ns)
        self._tats |= changed
        if len(self._tats) > MOST_COUNTERS:
            self._forget(now_ns)
        return verdict

    async def give_back(self, rates: Sequence[Rate]) -> None:
        """Give back the cost of each rate."""
        for rate in rates:
            if rate.counter in self._tats:
                self._tats[rate.counter] = give_back(self._tats[rate.counter], rate.per_minute, rate.cost)

    async def owe(self, rates: Sequence[Rate]) -> None:
        """Charge the cost of each rate, which is used already."""
        now_ns = self._clock_ns()
        for rate in rates:
            self._tats[rate.counter] = owe(self._tats.get(rate.counter, 0), rate, now_ns)

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _forget(self, now_ns: int) -> None:
        used = {counter: tat for counter, tat in self._tats.items() if tat > now_ns}
        # More callers than that within a minute: those whose limits are whole again first are let go.
        kept = sorted(used.items(), key=lambda item: item[1])[-MOST_COUNTERS // 2 :]
        self._tats = dict(kept)
