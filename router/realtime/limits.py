"""How much one session may send, how many there may be, and how long they last (2.6.4, 2.6b)."""

import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from msgspec import Struct

from router.errors import Refused


class Pace(Struct, frozen=True, kw_only=True):
    """The limits of one session.

    Attributes:
        auth_s: For a credential to come.
        idle_s: Without a frame.
        session_s: All in all.
        look_s: Between two looks at whether the caller is still one.
        texts_per_s: Text frames in the long run.
        texts_burst: Text frames at once.
        sound_rate: How many times faster than it is spoken sound may come.
        sound_burst: Bytes of sound at once.

    """

    auth_s: float = 5.0
    idle_s: float = 90.0
    session_s: float = 3600.0
    look_s: float = 0.5
    texts_per_s: float = 20.0
    texts_burst: float = 60.0
    sound_rate: float = 4.0
    sound_burst: float = 4_000_000.0


class Bucket:
    """A token bucket, full at first; `per_s` may change.

    Args:
        per_s: What comes back in a second.
        most: What it holds.
        clock: Seconds that only go forward.

    """

    def __init__(self, per_s: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_s = per_s
        self._most = self._level = most
        self._clock = clock
        self._at = clock()

    def take(self, cost: float) -> bool:
        """Take so much, or nothing where there is less; return whether it was taken."""
        now = self._clock()
        self._level = min(self._most, self._level + (now - self._at) * self.per_s)
        self._at = now
        if cost > self._level:
            return False
        self._level -= cost
        return True


class Seats:
    """Who has a session open in this process.

    Args:
        most: Sessions of all; one project has at most half of them, but for callers without a key.

    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_of_one = max(1, most // 2)
        self._waiting: Counter[str] = Counter()
        self._taken: Counter[str | None] = Counter()

    @property
    def taken(self) -> int:
        """How many sessions there are, those that have not said who they are too."""
        return self._waiting.total() + self._taken.total()

    @contextmanager
    def waiting(self, address: str) -> Generator[None]:
        """Take a place among those who have not said who they are: they are as many at most, beside the others.

        One address has at most half of them: it would else keep everybody out by saying nothing.

        Raises:
            Refused: `overloaded`.

        """
        if self._waiting.total() >= self._most or self._waiting[address] >= self._most_of_one:
            raise Refused("overloaded", retry_after=1)
        self._waiting[address] += 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            self._waiting += Counter()

    @contextmanager
    def taken_by(self, project_id: str | None) -> Generator[None]:
        """Take a seat for as long as this lasts; None for a caller without a key.

        Raises:
            Refused: `overloaded`: there is none for this project now.

        """
        own = self._taken[project_id] if project_id is not None else 0
        if self._taken.total() >= self._most or own >= self._most_of_one:
            raise Refused("overloaded", retry_after=1)
        self._taken[project_id] += 1
        try:
            yield
        finally:
            self._taken[project_id] -= 1
            self._taken += Counter()  # forgets those who have no session any more
