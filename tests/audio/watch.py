"""A gateway watched from outside while it works: how long its event loop keeps others waiting, and its memory.

Latency of `GET /health`, asked every 10 ms, is what others wait. On a busy machine most of that is waiting for a
processor, of which the kernel keeps count for every thread, the one that holds the interpreter's lock among them: what
is left is what the loop was blocked for.
"""

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.gateway import Gateway

EVERY_S = 0.01
WEIGHED_EVERY_S = 0.5
ASK = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _queued_s(thread: Path) -> float:
    """Return how long a thread has waited for a processor. Source: proc(5), /proc/pid/schedstat, nanoseconds."""
    return int((thread / "schedstat").read_text().split()[1]) / 1e9


class Watch:
    """Asks and weighs from a thread of its own: `with Watch(gateway) as watch`.

    Attributes:
        waits_s: Of each question, how long its answer took.
        blocked_s: The same without what any thread of either side waited for a processor.
        resident_mb: Of the gateway's own process, from time to time.

    """

    def __init__(self, gateway: Gateway) -> None:
        assert gateway.process is not None
        self.waits_s: list[float] = []
        self.blocked_s: list[float] = []
        self.resident_mb: list[float] = []
        self._port = gateway.port
        self._process = Path(f"/proc/{gateway.process.pid}")
        self._waited: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        own, weighed = Path("/proc/thread-self").resolve(), 0.0
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as wire:
            while not self._over.wait(EVERY_S):
                self._ask(wire, own)
                if time.monotonic() - weighed > WEIGHED_EVERY_S:
                    weighed = time.monotonic()
                    self.resident_mb.append(self._resident_mb())

    def _queued_s(self, own: Path) -> float:
        """Return how long all threads have waited for a processor; those that ended keep what they had."""
        for thread in (own, *(self._process / "task").iterdir()):
            with suppress(FileNotFoundError, ProcessLookupError):
                self._waited[thread.name] = _queued_s(thread)
        return sum(self._waited.values())

    def _ask(self, wire: socket.socket, own: Path) -> None:
        queued = self._queued_s(own)
        began = time.perf_counter()
        wire.sendall(ASK)
        got = b""
        while b"\r\n\r\n" not in got or len(got) < _size(got):
            more = wire.recv(65536)
            assert more, got
            got += more
        wait = time.perf_counter() - began
        self.waits_s.append(wait)
        self.blocked_s.append(wait - (self._queued_s(own) - queued))

    def _resident_mb(self) -> float:
        status = (self._process / "status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def _size(got: bytes) -> int:
    """Return how long an answer is, its head included."""
    head, _, _ = got.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(head) + 4 + int(length.split(b":")[1])
