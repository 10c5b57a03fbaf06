"""What is said in a meeting: its parts are heard at the same time, told as they are done, and joined."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal

import msgspec
from msgspec import Struct

from agents.audio.clip import RATE
from agents.audio.joining import Heard, join
from agents.audio.parts import Part
from agents.messages import Transcript
from agents.together import together
from agents.transcription import Hearing
from pricing_tables.model import Model

Stage = Literal["decoded", "transcribing", "minutes"]


class Progress(Struct, frozen=True):
    """How far the work on a meeting is: what is done next, up to which second it is heard, and what was heard there."""

    stage: Stage
    seconds_done: float
    text: str = ""


Tell = Callable[[Progress], Awaitable[None]]


async def hear(
    parts: Sequence[Part], model: Model, language: str | None, models: Hearing, most_at_once: int, tell: Tell
) -> Transcript:
    """Return what is said in a meeting, with its times.

    Args:
        parts: In their order, none longer than the model hears in one call.
        model: Of kind transcription.
        language: ISO 639-1; None to have it detected, in each part for itself.
        models: Of the request: every part is a call on its meter.
        most_at_once: How many parts are heard at the same time.
        tell: Told of each part, in their order; while it waits no further part is begun in its place.

    Raises:
        ProviderError: The first that failed; the others are given up, and what they consumed is on the meter.
        AccountError, ModelUnavailable, StorageDown: As `models` says.

    """
    telling = _Telling(parts, tell)

    async def heard(index: int, part: Part) -> Heard:
        transcript = await models.transcribe(model, part.clip, language)
        await telling.done(index, transcript)
        return Heard(part.start / RATE, float(part.clip.seconds), transcript)

    told = await together([partial(heard, index, part) for index, part in enumerate(parts)], most_at_once)
    # Of a long meeting this takes longer than anybody else's turn may wait.
    joined = await asyncio.to_thread(join, told)
    return joined if language is None else msgspec.structs.replace(joined, language=language)


class _Telling:
    """Tells of parts in their order, whichever is done first."""

    def __init__(self, parts: Sequence[Part], tell: Tell) -> None:
        self._parts = parts
        self._tell = tell
        self._done: dict[int, Transcript] = {}
        self._next = 0
        self._turn = asyncio.Lock()

    async def done(self, index: int, transcript: Transcript) -> None:
        """Tell of this part and of those after it that are done, if all before it were told."""
        self._done[index] = transcript
        async with self._turn:
            while self._next in self._done:
                part, text = self._parts[self._next], self._done.pop(self._next).text
                self._next += 1
                await self._tell(Progress("transcribing", part.end / RATE, text))
