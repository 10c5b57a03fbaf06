"""The track of a peer connection on which answers are spoken, in real time, silent in between."""

import asyncio
import time
from collections import deque
from fractions import Fraction

from aiortc import MediaStreamTrack
from av import AudioFrame

from agents.audio.clip import SAMPLE_BYTES
from agents.voice.signals import Play, Played, Take

RATE = 48_000  # of Opus
FRAME = RATE // 50  # samples: 20 ms, the packet of WebRTC
FRAME_BYTES = FRAME * SAMPLE_BYTES
# Where the process stood still for longer, time lost is lost: what is hurried after it only waits at the other end,
# and sounds on there after a stop.
LATE_S = 0.02


class Spoken(MediaStreamTrack):
    """Plays sounds of `RATE` one after the other."""

    kind = "audio"

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take = take
        self._plays: deque[Play] = deque()
        self._at = 0  # byte of the first sound that comes next
        self._frames = 0
        self._begun = 0.0

    def play(self, play: Play) -> None:
        """Play a sound after those before it."""
        self._plays.append(play)

    def hush(self) -> None:
        """Be silent from the next frame on."""
        self._plays.clear()
        self._at = 0

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms, when it is their time."""
        if not self._frames:
            self._begun = time.monotonic()
        wait = self._begun + self._frames * FRAME / RATE - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        elif wait < -LATE_S:
            self._begun -= wait
        return self._frame(self._next())

    def _next(self) -> bytes:
        if not self._plays:
            return bytes(FRAME_BYTES)
        play = self._plays[0]
        pcm = play.sound.pcm[self._at : self._at + FRAME_BYTES]
        self._at += FRAME_BYTES
        if self._at >= len(play.sound.pcm):
            self._plays.popleft()
            self._at = 0
            self._take(Played(play.turn))
        return pcm.ljust(FRAME_BYTES, b"\0")

    def _frame(self, pcm: bytes) -> AudioFrame:
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(pcm)
        frame.sample_rate = RATE
        frame.pts = self._frames * FRAME
        frame.time_base = Fraction(1, RATE)
        self._frames += 1
        return frame
