"""Which processes live: each holds a file lock, which the system frees however the process ends."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


class Owner:
    """This process, for as long as the lock is held; never inherited by a program that it starts."""

    def __init__(self, folder: Path) -> None:
        """Take a new name in `folder` and lock it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.id = uuid4().hex
        self._path = folder / self.id
        unnamed = folder / f".{self.id}"
        self._descriptor = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        # Renamed once locked: a file that is seen unlocked is always that of a dead process.
        unnamed.rename(self._path)

    def close(self) -> None:
        """Free the lock and the name; the process counts as dead from now on."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def owners(folder: Path) -> set[str]:
    """Return the names taken in `folder`, by the living and the dead."""
    return {path.name for path in folder.glob("[!.]*")}


@contextmanager
def buried(folder: Path, owner: str) -> Generator[bool]:
    """Say whether `owner` is dead; if so, keep others from burying it too meanwhile, and free its name at the end.

    A process that dies inside leaves the name for the next one to bury.
    """
    path = folder / owner
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
