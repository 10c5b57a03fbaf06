"""Leaves a provider that is down in peace for a while, and fails at once meanwhile."""

import time
from collections.abc import Callable

from agents.errors import ProviderError
from agents.providers.failure import failure

FAILURES_IN_A_ROW = 10
COOLDOWN_S = 2.0
OPEN = "open"

_DOWN = frozenset(
    {
        *("refused", "unreachable", "dns", "tls", "reset", "timeout_connect"),
        *("http_502", "http_503", "http_504", "http_529"),
    }
)


class Breaker:
    """Opens after failures in a row that say "down"; after the cooldown one call tries, and the rest wait for it.

    While open it raises the kind of error that opened it, labelled `open`, with the time left as `retry_after`.
    A call that its caller gave up says nothing about the provider.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._kind: type[ProviderError] | None = None
        self._closed_until = 0.0
        self._probe: object = None

    def admit(self) -> object:
        """Let a call through; the probe gets a mark of its own, every other call None.

        Raises:
            ProviderError: Open; nothing may be asked.

        """
        if self._kind is None:
            return None
        left = self._closed_until - self._clock()
        if left > 0 or self._probe is not None:
            raise failure(self._kind, OPEN, retry_after=max(left, 0.0))
        self._probe = object()
        return self._probe

    def release(self, mark: object) -> None:
        """End a call that was let through, however it ended."""
        if mark is not None and self._probe is mark:
            self._probe = None

    def answered(self) -> None:
        """Note that the provider answers."""
        self._failures = 0
        self._kind = None
        self._probe = None

    def failed(self, failed: ProviderError) -> None:
        """Note a failure; one that came as an HTTP status other than "down" is an answer."""
        if failed.code in _DOWN:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._kind = type(failed)
                self._closed_until = self._clock() + COOLDOWN_S
        elif failed.code.startswith("http_"):
            self.answered()
