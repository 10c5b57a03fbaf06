"""Hearing in this process: clips are transcribed chunk by chunk, so that a short one never waits for a long one."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.local.busy import Busy
from agents.local.whisper import HeardSegment, Whisper, chunks

MODEL = "whisper-base"
# A question spoken to a machine: it goes before what is said in a meeting.
UTTERANCE_S = 15
T = TypeVar("T")


class Heard(Struct, frozen=True):
    """What is said in a clip; `language` is the one that most of its text is in, None where nothing is said."""

    text: str
    language: str | None
    seconds: float
    segments: tuple[HeardSegment, ...]
    busy_s: float


class Hearing:
    """The transcription model; it is loaded by the first call.

    A lane is one thread: one for utterances, and one for all that is longer, whose chunks take turns.
    """

    def __init__(self, folder: Path, busy: Busy) -> None:
        self._folder = folder
        self._busy = busy
        self._loading = threading.Lock()
        self._loaded: Whisper | None = None
        self._utterances = ThreadPoolExecutor(1, thread_name_prefix="utterances")
        self._meetings = ThreadPoolExecutor(1, thread_name_prefix="meetings")

    async def hear(self, pcm: memoryview, language: str | None, *, words: bool) -> Heard:
        """Return what is said in these samples; whoever stops waiting stops the work at the end of its chunk.

        Args:
            pcm: 16 bit, little endian, mono, 16 kHz.
            language: ISO 639-1; None: each chunk is heard in the language it sounds like.
            words: Whether the time of each word is told.

        """
        seconds = len(pcm) / SAMPLE_BYTES / RATE
        lane = self._utterances if seconds <= UTTERANCE_S else self._meetings
        stretches, busy_s = await self._run(lane, lambda whisper: whisper.stretches(pcm))
        segments: list[HeardSegment] = []
        for chunk in chunks(stretches):
            heard, share = await self._run(
                lane, lambda whisper, chunk=chunk: whisper.hear(pcm, chunk, language, words=words)
            )
            segments += heard
            busy_s += share
        text = " ".join(segment.text for segment in segments)
        return Heard(text, language or _main_language(segments), seconds, tuple(segments), round(busy_s, 6))

    async def _run(self, lane: ThreadPoolExecutor, work: Callable[[Whisper], T]) -> tuple[T, float]:
        """Do one piece of work in a lane; return what it gives and its share of the processor."""

        def share() -> tuple[T, float]:
            begun = self._busy.begin()
            try:
                return work(self._load()), self._busy.seconds(begun)
            finally:
                self._busy.end()

        return await asyncio.get_running_loop().run_in_executor(lane, share)

    def _load(self) -> Whisper:
        with self._loading:
            if self._loaded is None:
                self._loaded = Whisper(self._folder)
            return self._loaded


def installed() -> bool:
    """Tell whether the engine is here: it comes with the `local` extra."""
    return find_spec("faster_whisper") is not None


def _main_language(segments: list[HeardSegment]) -> str | None:
    sizes = Counter[str]()
    for segment in segments:
        sizes[segment.language] += len(segment.text)
    return max(sizes, key=lambda language: sizes[language], default=None)
