"""Decodes bytes as an upload is decoded, on a loop of its own, so that tests need none."""

import asyncio
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from agents.audio.decoder import Decoder
from agents.audio.errors import AudioTooLong, AudioUnreadable
from agents.audio.recording import Recording
from tests.speech import encoded, say

SPEECH = say("Bonjour, ceci est un essai.")
GOOD = encoded(SPEECH, "wav")


class Hearer:
    """A decoder, and a folder that has to be empty whenever no recording is held."""

    def __init__(self, folder: Path) -> None:
        self._upload = folder / "upload"
        self.folder = folder / "recordings"
        self.folder.mkdir()
        self._runner = asyncio.Runner()
        self.decoder = Decoder()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pid = self.decoder.pid
        self._runner.run(self.decoder.aclose())
        self._runner.close()
        assert pid is None or not running(pid)

    def decode(self, data: bytes, most_s: int = 600) -> Recording:
        self._upload.write_bytes(data)
        return self.decode_file(self._upload, most_s)

    def decode_file(self, upload: Path, most_s: int = 600) -> Recording:
        return self._runner.run(self.decoder.decode(upload, most_s, self.folder))

    def pcm(self, data: bytes, most_s: int = 600) -> bytes:
        """Return the samples, whose file is private and as long as is said."""
        recording = self.decode(data, most_s)
        pcm = recording.path.read_bytes()
        assert len(pcm) == 2 * recording.frames
        assert stat.S_IMODE(recording.path.stat().st_mode) == 0o600
        recording.discard()
        return pcm

    def ending(self, data: bytes, most_s: int = 600) -> str:
        """Return "" for a recording, else why there is none; no file is left."""
        try:
            self.decode(data, most_s).discard()
        except (AudioUnreadable, AudioTooLong) as refused:
            return str(refused)
        finally:
            assert list(self.folder.iterdir()) == []
        return ""

    def is_well(self) -> bool:
        """Tell whether a good file is decoded by the same process as before, and no other one is left."""
        before = self.decoder.pid
        return self.pcm(GOOD) == SPEECH and self.decoder.pid == before and children(before or 0) == []


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


def wait_until(happened, seconds: float = 10.0) -> bool:
    """Ask until it has happened, a hundred times a second."""
    deadline = time.monotonic() + seconds
    while not (done := happened()) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return bool(done)


def peak(pid: int) -> int:
    """Return the most memory that a process has held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


class Watch:
    """Notes the memory peaks of the forks of a process, fifty times a second."""

    def __init__(self, pid: int, peaks: list[int]) -> None:
        self._pid = pid
        self._peaks = peaks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for fork in children(self._pid):
                try:
                    self._peaks.append(peak(fork))
                except (FileNotFoundError, ProcessLookupError, StopIteration):
                    continue
