"""How likely a window of sound is speech: by the Silero network where it is installed, else by its loudness."""

import math
from array import array
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

WINDOW = 512  # samples at 16 kHz: what the network was trained on, 32 ms
BEFORE = 64  # samples of the window before that it also sees
CELLS = 128
FULL_SCALE = 32_768
# Of a room in which somebody speaks: quieter is silence, louder by this factor than the quiet of the room is speech.
QUIET_FLOOR = 120.0
LOUDER = 3.0
FORGETS = 0.98  # a window: the quiet of a room is learned again in a second or two


class Detector(Protocol):
    """Hears one stream, window after window."""

    def speech(self, window: bytes) -> float:
        """Return how likely it is, from 0 to 1, that somebody speaks in the next `WINDOW` samples of 16 bit."""
        ...


class _Network(Protocol):
    def run(self, outputs: None, inputs: dict[str, Any], /) -> list[Any]: ...


class Silero:
    """The Silero network, about 0.1 ms a window; it remembers the stream it hears.

    Source: Silero VAD 6, Silero Team, as the faster-whisper wheel carries it.
    """

    def __init__(self, network: _Network) -> None:
        self._numpy = cast("Any", import_module("numpy"))
        self._network = network
        self._before = self._numpy.zeros(BEFORE, "f4")
        self._h = self._c = self._numpy.zeros((1, 1, CELLS), "f4")

    def speech(self, window: bytes) -> float:
        """Return how likely it is that somebody speaks in the window."""
        samples = self._numpy.frombuffer(window, "<i2").astype("f4") / FULL_SCALE
        seen = self._numpy.concatenate([self._before, samples])[None]
        likely, self._h, self._c = self._network.run(None, {"input": seen, "h": self._h, "c": self._c})
        self._before = samples[-BEFORE:]
        return float(likely.reshape(-1)[0])


class Loudness:
    """Takes for speech what is clearly louder than the room."""

    def __init__(self) -> None:
        self._quiet = QUIET_FLOOR

    def speech(self, window: bytes) -> float:
        """Return 1 for a window that is loud, 0 for one that is not."""
        samples = array("h", window)
        loud = math.sqrt(sum(sample * sample for sample in samples) / len(samples))
        if loud < self._quiet * LOUDER:
            self._quiet = max(QUIET_FLOOR, FORGETS * self._quiet + (1 - FORGETS) * loud)
            return 0.0
        return 1.0


def detector(weights: Path | None) -> Detector:
    """Return a detector that has heard nothing; it may load libraries, so it is called in a thread."""
    if weights is None or find_spec("onnxruntime") is None:
        return Loudness()
    return Silero(_network(weights))


@cache
def _network(weights: Path) -> _Network:
    """Load the network, once for all streams: what a stream was like is kept beside it."""
    onnx = cast("Any", import_module("onnxruntime"))
    options = onnx.SessionOptions()
    # A window is too little work to share, and threads would spin beside everything else.
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    return cast("_Network", onnx.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"]))
