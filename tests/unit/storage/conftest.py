"""A database at head, and a process that can hold it locked."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.heads import file_at_head

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


class Locker:
    """Another process that holds the database locked from `lock` to `release`."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._process: subprocess.Popen[bytes] | None = None

    def lock(self) -> None:
        command = [sys.executable, "-c", _LOCK, str(self._database)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"locked\n"

    def release(self) -> None:
        if self._process:
            self._process.communicate(b"\n")
            self._process = None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return file_at_head(tmp_path / "router.db")


@pytest.fixture
def locker(database: Path) -> Iterator[Locker]:
    locker = Locker(database)
    yield locker
    locker.release()
