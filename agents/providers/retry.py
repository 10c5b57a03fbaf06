"""Second tries that cost nothing paid already: few, spaced, and a small share of the traffic."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import aclosing

from msgspec import Struct

from agents.errors import ProviderError
from agents.messages import Events, Prompt
from agents.providers.breaker import Breaker
from agents.providers.provider import Provider

RETRY_SHARE = 0.2
BURST = 10.0  # so that the share is of the last fifty requests, not of a quiet week


class RetryBudget:
    """What one provider may be asked again: a fifth of its recent requests, and one a second in any case.

    Without it a provider that fails would get three times its load just then.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._balance = 0.0
        self._next_free = clock()

    def earn(self) -> None:
        """Count a request."""
        self._balance = min(self._balance + RETRY_SHARE, BURST)

    def spend(self) -> bool:
        """Take one retry, if there is one."""
        if self._balance >= 1:
            self._balance -= 1
            return True
        if self._clock() >= self._next_free:
            self._next_free = self._clock() + 1
            return True
        return False


class RetryPolicy(Struct, frozen=True):
    """How one provider is asked again; times in seconds, of which `total_s` spans all tries of a request."""

    budget: RetryBudget
    breaker: Breaker
    most: int = 2
    backoff_s: tuple[float, float] = (0.1, 0.3)  # before the first retry; four times as long before the next
    longest_wait_s: float = 2
    total_s: float = 600

    def wait(self, failed: ProviderError, tries: int, elapsed_s: float) -> float | None:
        """Return how long to wait before the next try, or None when there is none."""
        asked = failed.retry_after or 0.0
        if not failed.retryable or tries > self.most or asked > self.longest_wait_s:
            return None
        backoff = random.uniform(*self.backoff_s) * 4 ** (tries - 1)  # noqa: S311  # spreads load, guards nothing
        pause = max(asked, backoff)
        return pause if elapsed_s + pause < self.total_s and self.budget.spend() else None


class Retry:
    """Asks again when nothing of an answer has come and the error says that it may help; made for one request.

    It keeps the provider's breaker too: a call that the breaker refuses never reaches the inner provider.
    """

    __slots__ = ("_inner", "_policy")

    def __init__(self, inner: Provider, policy: RetryPolicy) -> None:
        self._inner = inner
        self._policy = policy

    async def stream(self, prompt: Prompt) -> Events:
        """Stream the first answer that begins; raise what the last try raised."""
        policy, breaker = self._policy, self._policy.breaker
        began = time.monotonic()
        policy.budget.earn()
        tries = 0
        while True:
            tries += 1
            started = False
            mark = breaker.admit()
            try:
                async with aclosing(self._inner.stream(prompt)) as events:
                    async for event in events:
                        if not started:
                            started = True
                            breaker.answered()
                        yield event
            except ProviderError as failed:
                breaker.failed(failed)
                pause = None if started else policy.wait(failed, tries, time.monotonic() - began)
                if pause is None:
                    raise
            else:
                return
            finally:
                breaker.release(mark)
            await asyncio.sleep(pause)
