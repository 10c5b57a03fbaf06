"""Second tries that cost nothing paid already: few, spaced, and a small share of the traffic."""

import asyncio
import random
import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

from msgspec import Struct

from accounts.errors import AccountError
from agents.errors import ProviderError
from agents.messages import Event, Events, Prompt
from agents.providers.breaker import Breaker
from agents.providers.provider import Provider
from storage.errors import StorageDown

Cover = Callable[[Prompt], Awaitable[None]]
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


class Try(Protocol):
    """Who watches one try: the request's meter, or nobody."""

    def saw(self, event: Event) -> None:
        """Note an event of the answer."""
        ...

    def failed(self, error: ProviderError) -> None:
        """Note that the try failed."""
        ...

    def left(self) -> None:
        """Note that its caller left it."""
        ...


class Retry:
    """Asks again when nothing of an answer has come and the error says that it may help; made for one request.

    It keeps the provider's breaker, and has every try watched: a try that the breaker refuses was none. These stand in
    one place because every event of every stream passes through each wrapper there is.

    Args:
        inner: Who is asked.
        policy: How often.
        begin: Watches a try.
        cover: Reserves what a try may consume; None where nothing is counted against a limit.

    """

    __slots__ = ("_begin", "_cover", "_inner", "_policy")

    def __init__(
        self, inner: Provider, policy: RetryPolicy, begin: Callable[[Prompt], Try], cover: Cover | None = None
    ) -> None:
        self._inner = inner
        self._policy = policy
        self._begin = begin
        self._cover = cover

    async def stream(self, prompt: Prompt) -> Events:
        """Stream the first answer that begins; raise what the last try raised."""
        tries = _Tries(self._policy)
        while True:
            watched = await self._start(prompt, tries)
            try:
                async with aclosing(self._inner.stream(prompt)) as events:
                    async for event in events:
                        if not tries.answered:
                            tries.answer()
                        watched.saw(event)
                        yield event
            except ProviderError as failed:
                watched.failed(failed)
                pause = tries.fail(failed)
                if pause is None or not await self._covers_another(prompt):
                    raise
            except (CancelledError, GeneratorExit):
                watched.left()
                raise
            else:
                return
            finally:
                tries.end()
            await asyncio.sleep(pause)

    async def _start(self, prompt: Prompt, tries: "_Tries") -> Try:
        """Start a try; the first is covered here, each further one before its failure is forgotten."""
        if self._cover is not None and tries.first:
            await self._cover(prompt)
        tries.begin()
        return self._begin(prompt)

    async def _covers_another(self, prompt: Prompt) -> bool:
        """Reserve for one more try; where that is refused, the failure of the last is what to tell."""
        if self._cover is not None:
            try:
                await self._cover(prompt)
            except (AccountError, StorageDown):
                return False
        return True


class _Tries:
    """How far the tries of one prompt have come.

    Attributes:
        answered: An event of the present try has come.

    """

    __slots__ = ("_began", "_count", "_mark", "_policy", "answered")

    def __init__(self, policy: RetryPolicy) -> None:
        self.answered = False
        self._policy = policy
        self._began = time.monotonic()
        self._count = 0
        self._mark: object = None
        policy.budget.earn()

    @property
    def first(self) -> bool:
        """Whether no try has begun."""
        return self._count == 0

    def begin(self) -> None:
        """Start a try, unless the breaker refuses it."""
        self._mark = self._policy.breaker.admit()
        self._count += 1
        self.answered = False

    def answer(self) -> None:
        """Note that an answer begins."""
        self.answered = True
        self._policy.breaker.answered()

    def fail(self, failed: ProviderError) -> float | None:
        """Return how long to wait before the next try, None when there is none."""
        self._policy.breaker.failed(failed)
        if self.answered:
            return None
        return self._policy.wait(failed, self._count, time.monotonic() - self._began)

    def end(self) -> None:
        """End a try, however it ended."""
        self._policy.breaker.release(self._mark)
