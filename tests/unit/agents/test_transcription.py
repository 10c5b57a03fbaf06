"""A recording is heard in its parts, so many at a time, and told as one."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.audio.clip import RATE, Clip
from agents.errors import ModelUnavailable
from agents.messages import Segment, Transcript
from agents.transcription import transcribe
from tests.hearing import Blocks

pytestmark = pytest.mark.anyio
MODEL: object = None  # nobody here looks at it


class Ears:
    """Hears clips as they are told, and notes how many at a time."""

    def __init__(self, told: Sequence[Transcript | Exception]) -> None:
        self._told = list(told)
        self.languages: list[str | None] = []
        self.now = self.most = self.given_up = 0

    async def transcribe(self, model: object, clip: Clip, language: str | None = None) -> Transcript:
        del model
        self.languages.append(language)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            # Later parts answer sooner.
            for _ in range(10 * (len(self._told) - clip.first // clip.frames)):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.now -= 1
        told = self._told[clip.first // clip.frames]
        if isinstance(told, Exception):
            raise told
        return told


def clips(count: int) -> list[Clip]:
    return [Clip(b"", RATE * number, RATE) for number in range(count)]


def said(text: str, language: str | None = None) -> Transcript:
    return Transcript(text, language, (Segment(text, 0.0, 1.0),))


async def test_parts_are_told_in_their_order_with_times_of_the_whole():
    ears = Ears([said("un", "fr"), said("deux", "fr"), said("three", "en")])

    heard = await transcribe(clips(3), MODEL, None, ears, 2)

    assert heard.text == "un deux three"
    assert [segment.start_s for segment in heard.segments] == [0.0, 1.0, 2.0]
    assert heard.language == "fr"
    assert ears.most == 2


async def test_language_that_is_given_is_asked_and_told():
    ears = Ears([said("un"), said("deux", "en")])

    heard = await transcribe(clips(2), MODEL, "fr", ears, 2)

    assert ears.languages == ["fr", "fr"]
    assert heard.language == "fr"


async def test_single_part_stays_as_the_model_wrote_it():
    only = Transcript("Bonjour.  Deux blancs.", None)

    assert await transcribe(clips(1), MODEL, None, Ears([only]), 2) == only


async def test_nothing_to_hear_says_nothing():
    heard = await transcribe([], MODEL, None, Ears([]), 2)

    assert (heard.text, heard.language) == ("", None)


async def test_first_failure_ends_the_others_and_is_told_alone():
    ears = Ears([said("un"), ModelUnavailable("deux")])

    with pytest.raises(ModelUnavailable):
        await transcribe(clips(2), MODEL, None, ears, 2)

    assert ears.given_up == 1


async def test_the_loop_goes_on_while_hours_are_put_together():
    words = " ".join(f"mot{number % 97}" for number in range(300))
    blocks = Blocks()

    heard = await transcribe(clips(120), MODEL, None, Ears([said(words, "fr")] * 120), 2)

    assert len(heard.text.split()) == 120 * 300
    assert await blocks.end() < 0.05
