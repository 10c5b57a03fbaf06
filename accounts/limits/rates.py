"""Where rate limits are counted when not in the database, and where else when that place is down."""

import logging
import time
from collections.abc import Sequence
from typing import Protocol

from accounts.errors import RatesUnreachable
from accounts.limits.gcra import Rate, Verdict

logger = logging.getLogger("accounts")

TRY_EVERY_S = 1.0


class Rates(Protocol):
    """Takes requests from limits, each request from all of its limits or from none."""

    @property
    def healthy(self) -> bool:
        """Whether the limits are those of all processes together, as far as is known."""
        ...

    async def take(self, rates: Sequence[Rate]) -> Verdict:
        """Take the cost of each rate, or nothing when one refuses.

        Raises:
            RatesUnreachable: The counters cannot be reached now.

        """
        ...

    async def give_back(self, rates: Sequence[Rate]) -> None:
        """Give back the cost of each rate.

        Raises:
            RatesUnreachable: The counters cannot be reached now.

        """
        ...

    async def owe(self, rates: Sequence[Rate]) -> None:
        """Charge the cost of each rate, which is used already: a limit is at most empty by that.

        Raises:
            RatesUnreachable: The counters cannot be reached now.

        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class FallingBack:
    """Counts at `first`; at `second` while `first` is down, which one request a second finds out.

    What is given back or owed goes to where counts are kept at that time: limits are as good as exact while neither
    changes.
    """

    def __init__(self, first: Rates, second: Rates) -> None:
        self._first = first
        self._second = second
        self._down = False
        self._try_at = 0.0

    @property
    def healthy(self) -> bool:
        """Whether counts are kept where they belong."""
        return not self._down

    async def take(self, rates: Sequence[Rate]) -> Verdict:
        """Take the cost of each rate, or nothing when one refuses."""
        if self._waits():
            return await self._second.take(rates)
        try:
            verdict = await self._first.take(rates)
        except RatesUnreachable as cause:
            self._note_failure(cause)
            return await self._second.take(rates)
        self._note_answer()
        return verdict

    async def give_back(self, rates: Sequence[Rate]) -> None:
        """Give back the cost of each rate."""
        if not self._down:
            try:
                return await self._first.give_back(rates)
            except RatesUnreachable as cause:
                self._note_failure(cause)
        return await self._second.give_back(rates)

    async def owe(self, rates: Sequence[Rate]) -> None:
        """Charge the cost of each rate, which is used already."""
        if not self._down:
            try:
                return await self._first.owe(rates)
            except RatesUnreachable as cause:
                self._note_failure(cause)
        return await self._second.owe(rates)

    async def aclose(self) -> None:
        """Close every connection of both."""
        await self._first.aclose()
        await self._second.aclose()

    def _waits(self) -> bool:
        if not self._down:
            return False
        now = time.monotonic()
        if now < self._try_at:
            return True
        # Before the answer is there: of those who come now, only this one tries.
        self._try_at = now + TRY_EVERY_S
        return False

    def _note_failure(self, cause: RatesUnreachable) -> None:
        if not self._down:
            logger.warning("rate limits are counted in this process alone: %s", cause)
        self._down = True
        self._try_at = time.monotonic() + TRY_EVERY_S

    def _note_answer(self) -> None:
        if self._down:
            logger.warning("rate limits are shared again")
        self._down = False
