"""What is said in a recording: its parts are heard at the same time, and put together in their order."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import msgspec

from agents.audio.clip import RATE, Clip
from agents.audio.joining import Heard, join
from agents.messages import Transcript
from agents.together import together
from pricing_tables.model import Model


class Hearing(Protocol):
    """Whoever hears: the models of one request."""

    async def transcribe(self, model: Model, clip: Clip, language: str | None = None) -> Transcript:
        """Return what is said in a clip, its times from the clip's beginning."""
        ...


async def transcribe(
    clips: Sequence[Clip], model: Model, language: str | None, models: Hearing, most_at_once: int
) -> Transcript:
    """Return what is said in a recording.

    Args:
        clips: Its parts in their order, which may overlap, none longer than the model hears in one call.
        model: Of kind transcription.
        language: ISO 639-1; None to have it detected, in each part for itself.
        models: Of the request: every part is a call on its meter.
        most_at_once: How many parts are heard at the same time.

    Raises:
        ProviderError: The first that failed; the others are given up, and what they consumed is on the meter.
        AccountError, ModelUnavailable, StorageDown: As `models` says.

    """
    told = await together([partial(models.transcribe, model, clip, language) for clip in clips], most_at_once)
    if len(told) == 1:
        # Nothing is to be joined, and what the model wrote stays as it wrote it.
        heard = told[0]
    else:
        parts = zip(clips, told, strict=True)
        # The words of four hours take a third of a second.
        heard = await asyncio.to_thread(
            join, [Heard(clip.first / RATE, float(clip.seconds), each) for clip, each in parts]
        )
    return heard if language is None else msgspec.structs.replace(heard, language=language)
