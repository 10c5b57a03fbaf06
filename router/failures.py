"""How often each address failed to show a credential lately (2.6b)."""

import time
from collections import deque

MOST_A_MINUTE = 10
WINDOW_S = 60.0
MOST_ADDRESSES = 10_000


class Failures:
    """Counts failures by address, in this process, for a minute each."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}

    def note(self, address: str) -> float | None:
        """Count one failure; return None, or after how many seconds the next may come when there are too many."""
        now = time.monotonic()
        failed = self._failed.pop(address, None) or deque()
        while failed and failed[0] <= now - WINDOW_S:
            failed.popleft()
        if len(self._failed) >= MOST_ADDRESSES:
            # The one that failed longest ago.
            self._failed.pop(next(iter(self._failed)))
        self._failed[address] = failed
        if len(failed) >= MOST_A_MINUTE:
            return failed[0] + WINDOW_S - now
        failed.append(now)
        return None
