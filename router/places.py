"""Places for those who send a file at the same time: so many a process, and no project takes all of them."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from router.errors import Refused

MOST_AT_ONCE = 64  # uploads of a process, each of which holds a megabyte or two
MOST_OF_ONE = MOST_AT_ONCE // 2  # of one project: a file may take an hour to come, and others need not wait for that


class Places:
    """Who is sending a file now, by project."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, project_id: str) -> Generator[None]:
        """Take a place for as long as this lasts.

        Raises:
            Refused: `overloaded`: there is none for this project now.

        """
        if self._taken[project_id] >= MOST_OF_ONE or self._taken.total() >= MOST_AT_ONCE:
            raise Refused("overloaded", retry_after=1)
        self._taken[project_id] += 1
        try:
            yield
        finally:
            self._taken[project_id] -= 1
            self._taken += Counter()  # forgets those who send nothing any more
