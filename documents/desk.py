"""A folder of this process alone for uploads that are being read; what the dead left in theirs is removed."""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def desk(folder: Path, owner: str) -> Generator[Path]:
    """Make a folder named `owner` in `folder`, locked while it is used, and remove it in the end.

    Raises:
        OSError: It cannot be made.

    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear(folder)
    unnamed, own = folder / f".{owner}", folder / owner
    unnamed.mkdir(mode=0o700, exist_ok=True)  # left by a try that the disk stopped
    descriptor = os.open(unnamed, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Renamed once locked: a folder that is seen unlocked is always that of a dead process.
        unnamed.rename(own)
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def sheet(own: Path, name: str) -> Generator[Path]:
    """Name a file that only this user may read, and remove it in the end."""
    path = own / name
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield path
    finally:
        path.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    for left in folder.glob("[!.]*"):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
