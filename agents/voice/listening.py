"""One stream of sound being listened to: bounded, without holding up the event loop."""

import asyncio

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.voice.resampling import Decoding
from agents.voice.signals import SpeechBegan, SpeechEnded, Take
from agents.voice.turns import Ask
from agents.voice.utterances import WINDOW_BYTES, Heard, Spoken, Utterances

MOST_BYTES = 30 * RATE * SAMPLE_BYTES  # that wait to be listened to; whoever sends more waits
STEP_BYTES = 16 * WINDOW_BYTES  # listened to between two moments for everything else: some 2 ms


class Listening:
    """Tells a session where somebody speaks, and what was said, to be asked as `ask`."""

    def __init__(self, decoding: Decoding, utterances: Utterances, ask: Ask, take: Take) -> None:
        self._decoding = decoding
        self._utterances = utterances
        self._ask = ask
        self._take = take
        self._pcm = bytearray()
        self._finished = False
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def hear(self, piece: bytes) -> None:
        """Take the next piece of the stream, once there is room for it.

        Raises:
            Unheard: It is not what was announced.

        """
        await self._room.wait()
        self.put(self._decoding.feed(piece))

    def put(self, pcm: bytes) -> None:
        """Take samples as they are listened to; of a stream that nobody can hold up, what is too much is lost."""
        if len(self._pcm) >= MOST_BYTES:
            return
        self._pcm += pcm
        self._some.set()
        if len(self._pcm) >= MOST_BYTES:
            self._room.clear()

    def finish(self) -> None:
        """Take what was said so far for whole: whoever speaks says that they have finished."""
        self._finished = True
        self._some.set()

    async def run(self) -> None:
        """Listen until cancelled; what is being said then is forgotten."""
        try:
            while True:
                await self._some.wait()
                self._listen()
                await asyncio.sleep(0)
        finally:
            self._room.set()

    def _listen(self) -> None:
        step = bytes(self._pcm[:STEP_BYTES])
        del self._pcm[:STEP_BYTES]
        self._tell(self._utterances.feed(step))
        if len(self._pcm) < MOST_BYTES:
            self._room.set()
        if self._pcm:
            return
        self._some.clear()
        if self._finished:
            self._finished = False
            self._tell(self._utterances.end())

    def _tell(self, heard: list[Heard]) -> None:
        for each in heard:
            self._take(SpeechEnded(self._ask, each.clip) if isinstance(each, Spoken) else SpeechBegan())
