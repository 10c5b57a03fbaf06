"""Where nobody speaks: how loud each fiftieth of a second is, against the quietest and the loudest around it."""

import numpy as np
from numpy.typing import NDArray

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.audio.recording import Pause

FRAME = RATE // 50
FRAME_BYTES = FRAME * SAMPLE_BYTES
LEAST_FRAMES = 10  # a fifth of a second: the closure before a "p" or a "t" lasts half as long
# Speech fades into a pause, and begins in it: how loud a long one is, is told of what is half a second away from both.
EDGE, LONG = 25, 100
FULL_SCALE = float(1 << 15)

# Quiet and loud are those of half a minute: people move, and microphones adapt.
BLOCK, AROUND = 500, 500
QUIETEST, LOUDEST = 10.0, 99.0
# Under this there is nothing to hear, in dB of full scale.
NOTHING = -66.0
# A pause lies under this share of the way from quiet to loud, at least and at most so many dB above quiet.
SHARE, LEAST_RISE, MOST_RISE = 0.3, 3.0, 12.0
# What lies no deeper under the rest is no pause but the rest itself: hum, music, a crowd.
LEAST_DEPTH = 6.0

Levels = NDArray[np.float32]


class Loudness:
    """Takes samples as they come; keeps one number for a fiftieth of a second, 3 MB for four hours."""

    def __init__(self) -> None:
        self._rest = b""
        self._levels: list[Levels] = []
        self._bytes = 0

    def take(self, pcm: bytes) -> None:
        """Take the next samples, 16 bit and little endian."""
        self._bytes += len(pcm)
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % FRAME_BYTES
        samples = np.frombuffer(pcm[:whole], "<i2").astype(np.float32).reshape(-1, FRAME) / FULL_SCALE
        self._rest = pcm[whole:]
        power = np.einsum("ij,ij->i", samples, samples) / FRAME
        self._levels.append((10 * np.log10(power + 1e-9)).astype(np.float32))

    def pauses(self) -> tuple[Pause, ...]:
        """Return where nobody spoke in all that was taken."""
        levels = np.concatenate([np.empty(0, np.float32), *self._levels])
        loud, quiet = np.empty_like(levels), np.empty_like(levels)
        for start in range(0, len(levels), BLOCK):
            around = levels[max(0, start - AROUND) : start + BLOCK + AROUND]
            quiet[start : start + BLOCK], loud[start : start + BLOCK] = np.percentile(around, (QUIETEST, LOUDEST))
        quiet = np.maximum(quiet, NOTHING)
        below = levels < quiet + np.clip(SHARE * (loud - quiet), LEAST_RISE, MOST_RISE)
        edges = np.flatnonzero(np.diff(below, prepend=False, append=False)).reshape(-1, 2)
        runs = [(int(first), int(end)) for first, end in edges if end - first >= LEAST_FRAMES]
        found = (self._pause(levels[first:end], loud[first:end], first, end) for first, end in runs)
        return tuple(pause for pause in found if pause.depth >= LEAST_DEPTH or pause.loudest <= NOTHING + MOST_RISE)

    def _pause(self, levels: Levels, loud: Levels, first: int, end: int) -> Pause:
        # What is left after the last whole fiftieth goes with it.
        end_frame = self._bytes // SAMPLE_BYTES if (end + 1) * FRAME_BYTES > self._bytes else end * FRAME
        inner = levels[EDGE:-EDGE] if len(levels) > LONG else levels
        depth = max(0.0, round(float(np.mean(loud - levels)), 1))
        return Pause(first * FRAME, end_frame - first * FRAME, depth, round(float(inner.max()), 1))
