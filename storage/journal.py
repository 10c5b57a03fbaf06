"""What a process has begun and not ended, in a file of its own: a killed process cannot forget it."""

import os
from contextlib import suppress
from pathlib import Path

from storage.errors import StorageDown

_MOST_BYTES = 1 << 20


class Journal:
    """Lines that stay until their key is closed; appending one costs a single write.

    What is written survives the end of the process, not a power cut: then nothing is left to bill either.
    """

    def __init__(self, path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        """Begin an empty journal.

        Args:
            path: Its file; nobody else writes there.
            most_bytes: How far the file grows before it is written anew with what is still open.

        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._most_bytes = self._anew_at = most_bytes
        self._open: dict[str, bytes] = {}
        self._file = _begin(path)
        self._size = 0

    def open(self, key: str, line: bytes) -> None:
        """Append a line, without its end.

        Raises:
            StorageDown: It cannot be written; nothing is there of it.

        """
        whole = line + b"\n"
        try:
            written = os.write(self._file, whole)
            if written < len(whole):
                os.ftruncate(self._file, self._size)
                raise StorageDown("the journal is full")
        except OSError as cause:
            raise StorageDown(str(cause)) from cause
        self._size += written
        self._open[key] = whole

    def close(self, key: str) -> None:
        """Forget a line, if it is there."""
        self._open.pop(key, None)
        if self._size > self._anew_at:
            self._write_anew()

    def end(self) -> None:
        """Stop; the file stays only if something in it is still open."""
        os.close(self._file)
        if not self._open:
            self._path.unlink(missing_ok=True)

    def _write_anew(self) -> None:
        lines = b"".join(self._open.values())
        draft = self._path.with_name(f".{self._path.name}")
        # A disk that is full now leaves the longer file, which says the same.
        with suppress(OSError):
            self._begin_again(draft, lines)
        # Never soon again: with much open, or no room, each closing would write all of it.
        self._anew_at = max(self._most_bytes, 2 * self._size)

    def _begin_again(self, draft: Path, lines: bytes) -> None:
        file = _begin(draft)
        try:
            if os.write(file, lines) == len(lines):
                draft.rename(self._path)
                self._file, file = file, self._file
                self._size = len(lines)
        finally:
            os.close(file)


def _begin(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND, 0o600)


def lines_in(path: Path) -> list[bytes]:
    """Return the whole lines of a journal, closed ones too; the last one may have been cut short by a kill."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
