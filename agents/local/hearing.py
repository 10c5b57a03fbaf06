"""Hearing in this process: clips are transcribed stretch by stretch, so that a short one never waits for a long one."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.local.busy import Busy
from agents.local.listening import HeardSegment, Listening
from agents.local.whisper import Whisper
from agents.messages import Word

MODEL = "whisper-base"
# What is said to a machine that answers: it goes before what is said in a meeting.
UTTERANCE_S = 15
T = TypeVar("T")


class Heard(Struct, frozen=True):
    """What is said in a clip; `language` is the one that most of its text is in, None where nothing is said."""

    text: str
    language: str | None
    seconds: float
    segments: list[HeardSegment]
    words: list[Word]
    busy_s: float


class Hearing:
    """The transcription model; it is loaded by the first call.

    A lane is one thread: one for utterances, and one for all that is longer, where clips take turns stretch by stretch.
    """

    def __init__(self, folder: Path, busy: Busy) -> None:
        self._folder = folder
        self._busy = busy
        self._loading = threading.Lock()
        self._loaded: Whisper | None = None
        self._utterances = ThreadPoolExecutor(1, thread_name_prefix="utterances")
        self._recordings = ThreadPoolExecutor(1, thread_name_prefix="recordings")

    async def hear(self, pcm: memoryview, language: str | None = None, *, times_words: bool = False) -> Heard:
        """Return what is said; whoever stops waiting stops the work at the end of a stretch. As `Listening`.

        Raises:
            ClipRefused: The model does not know the language.

        """
        seconds = len(pcm) / SAMPLE_BYTES / RATE
        lane = self._utterances if seconds <= UTTERANCE_S else self._recordings
        listening, busy_s = Listening(pcm, language, times_words=times_words), 0.0
        while not listening.is_over:
            stretches, share = await self._run(lane, listening.search)
            busy_s += share
            for stretch in stretches:
                _, share = await self._run(lane, lambda whisper, stretch=stretch: listening.hear(whisper, stretch))
                busy_s += share
        _, share = await self._run(lane, listening.read)
        busy_s += share
        text = " ".join(segment.text for segment in listening.segments)
        segments, words = listening.segments, listening.words
        return Heard(text, listening.language, seconds, segments, words, round(busy_s, 6))

    async def _run(self, lane: ThreadPoolExecutor, work: Callable[[Whisper], T]) -> tuple[T, float]:
        """Do one piece of work in a lane; return what it gives and its share of the processor."""

        def shared() -> tuple[T, float]:
            begun = self._busy.begin()
            try:
                return work(self._load()), self._busy.seconds(begun)
            finally:
                self._busy.end()

        return await asyncio.get_running_loop().run_in_executor(lane, shared)

    def _load(self) -> Whisper:
        with self._loading:
            if self._loaded is None:
                self._loaded = Whisper(self._folder)
            return self._loaded


def installed() -> bool:
    """Tell whether the engine is here: it comes with the `local` extra."""
    return find_spec("faster_whisper") is not None
