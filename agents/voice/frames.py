"""Sound as binary frames of the connection, paced so that little of it waits at the client when it has to stop."""

import asyncio
from collections import deque
from itertools import count

from agents.audio.clip import SAMPLE_BYTES
from agents.messages import Sound
from agents.voice.outbox import Outbox
from agents.voice.signals import Play, Played, Take

FRAME_S = 0.04
LEAD_S = 0.2  # sent ahead of real time: what a client needs to play without gaps, and all it may play after a stop


class Frames:
    """Plays sounds to the client of an outbox, one after the other."""

    def __init__(self, outbox: Outbox, take: Take) -> None:
        self._outbox = outbox
        self._take = take
        self._sounds: deque[Play] = deque()
        self._some = asyncio.Event()
        self._hushed = 0
        self._until = 0.0  # when all that was sent will have been heard

    def play(self, play: Play) -> None:
        """Play a sound after those before it."""
        self._sounds.append(play)
        self._some.set()

    def hush(self) -> None:
        """Stop at once: nothing that was not sent is sent."""
        self._sounds.clear()
        self._hushed += 1
        self._until = 0.0
        self._outbox.hush()

    async def run(self) -> None:
        """Play for ever."""
        while True:
            await self._some.wait()
            if not self._sounds:
                self._some.clear()
                continue
            await self._send(self._sounds.popleft())

    async def _send(self, play: Play) -> None:
        hushed, sound = self._hushed, play.sound
        size = round(sound.rate * FRAME_S) * SAMPLE_BYTES
        for at in count(0, size):
            frame = sound.pcm[at : at + size]
            if not frame:
                break
            await self._outbox.room()
            await self._wait()
            if hushed != self._hushed:
                return
            self._outbox.sound(frame)
            now = asyncio.get_running_loop().time()
            self._until = max(self._until, now) + Sound(frame, sound.rate).seconds
        self._take(Played(play.turn))

    async def _wait(self) -> None:
        ahead = self._until - LEAD_S - asyncio.get_running_loop().time()
        if ahead > 0:
            await asyncio.sleep(ahead)
