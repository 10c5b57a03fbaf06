"""Who used the processor: its time, shared out equally among the calls in flight at each moment."""

import os
import threading
import time
from collections.abc import Callable


class Busy:
    """Shares the processor time of this process among the calls that run in it.

    At every start, reading and end of a call the time since the last one is divided by the calls in flight. The sum
    over the calls is what the process used while any ran; between calls nothing is attributed.
    """

    def __init__(
        self, processor_seconds: Callable[[], float] = time.process_time, processors: int | None = None
    ) -> None:
        self._processor_seconds = processor_seconds
        self._processors = processors or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._running = 0
        self._read_at = 0.0
        self._each = 0.0

    def begin(self) -> float:
        """Start a call; the number returned identifies its start."""
        with self._lock:
            self._share()
            self._running += 1
            return self._each

    def seconds(self, begun: float) -> float:
        """Return the call's share so far, in seconds of the whole machine at full load."""
        with self._lock:
            self._share()
            return (self._each - begun) / self._processors

    def end(self) -> None:
        """End a call."""
        with self._lock:
            self._share()
            self._running -= 1

    def _share(self) -> None:
        now = self._processor_seconds()
        if self._running:
            self._each += (now - self._read_at) / self._running
        self._read_at = now
