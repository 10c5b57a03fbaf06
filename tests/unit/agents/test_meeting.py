"""A meeting is heard part by part, told in order, and no faster than whoever is told can take it."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.audio.clip import RATE, Clip
from agents.audio.parts import Part
from agents.errors import ModelUnavailable
from agents.meeting import Progress, hear
from agents.messages import Segment, Transcript

pytestmark = pytest.mark.anyio
MODEL: object = None  # nobody here looks at it


class Ears:
    """Hears each part as it is told, once it is let; `begun` are those that it was asked for."""

    def __init__(self, told: Sequence[Transcript | Exception]) -> None:
        self._told = told
        self.let = [asyncio.Event() for _ in told]
        self.begun: list[int] = []

    async def transcribe(self, model: object, clip: Clip, language: str | None = None) -> Transcript:
        del model, language
        number = clip.first // RATE
        self.begun.append(number)
        await self.let[number].wait()
        told = self._told[number]
        if isinstance(told, Exception):
            raise told
        return told


class Listener:
    """Is told how far the meeting is; each time it waits until it may go on."""

    def __init__(self) -> None:
        self.told: list[Progress] = []
        self.may = asyncio.Event()
        self.may.set()

    async def tell(self, progress: Progress) -> None:
        self.told.append(progress)
        await self.may.wait()

    @property
    def texts(self) -> list[str]:
        return [progress.text for progress in self.told]


def parts(count: int) -> list[Part]:
    return [Part(Clip(b"", RATE * number, RATE), 0) for number in range(count)]


def said(text: str, language: str | None = "fr") -> Transcript:
    return Transcript(text, language, (Segment(text, 0.0, 1.0),))


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_parts_are_told_in_their_order_whichever_is_heard_first() -> None:
    ears, listener = Ears([said("un"), said("deux"), said("trois")]), Listener()
    hearing = asyncio.create_task(hear(parts(3), MODEL, None, ears, 3, listener.tell))
    await settled()

    ears.let[2].set()
    ears.let[1].set()
    await settled()
    before = list(listener.texts)
    ears.let[0].set()
    heard = await hearing

    assert before == []
    assert listener.texts == ["un", "deux", "trois"]
    assert [progress.seconds_done for progress in listener.told] == [1.0, 2.0, 3.0]
    assert heard.text == "un deux trois"
    assert [segment.start_s for segment in heard.segments] == [0.0, 1.0, 2.0]


async def test_no_further_part_is_begun_while_whoever_is_told_cannot_follow() -> None:
    ears, listener = Ears([said(str(number)) for number in range(6)]), Listener()
    for each in ears.let:
        each.set()
    listener.may.clear()
    hearing = asyncio.create_task(hear(parts(6), MODEL, None, ears, 2, listener.tell))
    await settled()

    begun = len(ears.begun)
    listener.may.set()
    await hearing

    assert begun == 2
    assert len(ears.begun) == 6


async def test_single_part_without_segments_has_one_for_all() -> None:
    ears, listener = Ears([Transcript("Bonjour à tous.", "fr")]), Listener()
    ears.let[0].set()

    heard = await hear(parts(1), MODEL, None, ears, 2, listener.tell)

    assert [(segment.text, segment.start_s, segment.language) for segment in heard.segments] == [
        ("Bonjour à tous.", 0.0, "fr")
    ]


async def test_language_that_is_given_is_that_of_the_meeting() -> None:
    ears, listener = Ears([said("one", "en")]), Listener()
    ears.let[0].set()

    assert (await hear(parts(1), MODEL, "fr", ears, 2, listener.tell)).language == "fr"


async def test_nothing_to_hear_says_nothing() -> None:
    heard = await hear([], MODEL, None, Ears([]), 2, Listener().tell)

    assert (heard.text, heard.language, heard.segments) == ("", None, ())


async def test_first_failure_ends_the_others_and_is_told_alone() -> None:
    ears, listener = Ears([said("un"), ModelUnavailable("deux")]), Listener()
    ears.let[1].set()

    with pytest.raises(ModelUnavailable):
        await hear(parts(2), MODEL, None, ears, 2, listener.tell)

    assert listener.told == []
