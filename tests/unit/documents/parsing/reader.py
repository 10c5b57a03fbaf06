"""Reads bytes as an upload is read: the format by its beginning, the rest in the parsing process."""

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from documents.document import Passage
from documents.errors import Unreadable
from documents.parsing.formats import format_of
from documents.parsing.limits import Limits
from documents.parsing.parser import Parser

GOOD = "La bibliothèque ouvre à neuf heures. Elle ferme le lundi.".encode()


class Reader:
    """Runs a parser on a loop of its own, so that tests need none."""

    def __init__(self, folder: Path, *, limits: Limits = Limits(), most_passages: int = 5_000) -> None:  # noqa: B008 - frozen
        self._upload = folder / "upload"
        self._runner = asyncio.Runner()
        self.parser = Parser(folder / "no-tokenizers", most_passages, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pid = self.parser.pid
        self._runner.run(self.parser.aclose())
        self._runner.close()
        assert pid is None or not running(pid)

    def read(self, data: bytes, name: str) -> tuple[Passage, ...]:
        self._upload.write_bytes(data)
        told = format_of(data[:8192], name)
        assert told is not None, "it would not have been taken in"
        return self._runner.run(self.parser.read(self._upload, name, told))

    def text(self, data: bytes, name: str) -> str:
        return "\n".join(f"{passage.heading}\n{passage.text}" for passage in self.read(data, name))

    def reason(self, data: bytes, name: str) -> str:
        """Return why it cannot be read, "" when it can."""
        try:
            self.read(data, name)
        except Unreadable as refused:
            return refused.detail
        return ""

    def is_well(self) -> bool:
        """Tell whether a good file is read by the same process as before, and no other one is left."""
        before = self.parser.pid
        passages = self.read(GOOD, "good.txt")
        return passages[0].text.encode() == GOOD and self.parser.pid == before and children(before or 0) == []


def children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory_peak(pid: int) -> int:
    """Return the most memory that a process has held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def wait_until(happened, seconds: float = 10.0) -> bool:
    """Ask until it has happened, a hundred times a second."""
    deadline = time.monotonic() + seconds
    while not (done := happened()) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return bool(done)
