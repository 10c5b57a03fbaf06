"""Hearing and speaking on a request's account: every try is on its meter, tried again and covered by its hold."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import pytest

from accounts.errors import BudgetSpent
from accounts.gate.gate import Hold
from agents.errors import ModelUnavailable, PromptRefused, ProviderBusy, ProviderDown
from agents.messages import Done, Message, Prompt, Segment, Sound, Text, Transcript
from agents.providers.breaker import Breaker
from agents.providers.failure import failure
from agents.providers.models import Models
from agents.providers.provider import Provider
from agents.providers.retry import RetryBudget, RetryPolicy
from agents.providers.scripted import GREETING, Scripted, ScriptedByKind, spoken, transcribed
from metering.bound import NO_BOUND, Bound, Size
from metering.call import Call
from metering.meter import Meter
from metering.usage import Usage
from tests.hearing import clip, named

pytestmark = pytest.mark.anyio

WHISPER, VOICE, CHAT = named("whisper-1"), named("tts-1"), named("gpt-4o")


class Tally:
    """A meter that keeps calls, and what it was asked to bound."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.sizes: list[Size] = []

    def begin(self, call: Call) -> None:
        self.calls.append(call)

    def bound(self, size: Size, _longest_s: float, _opened_at: datetime) -> Bound:
        self.sizes.append(size)
        return NO_BOUND

    def consumed(self, _call: Call) -> Bound:
        return NO_BOUND


class Account:
    """A hold that covers nothing beforehand, and so many calls when asked to."""

    bounded = True
    opened_at = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.spared = 0

    def covers(self, _size: Size) -> bool:
        return False

    async def cover(self, _bound: Bound) -> None:
        if self.left == 0:
            raise BudgetSpent("eur", "project", Decimal(1), datetime(2026, 2, 1, tzinfo=UTC))
        self.left -= 1

    def spare(self, _bound: Bound) -> None:
        self.spared += 1


def models(provider: Provider, tally: Tally, hold: Account | None = None) -> Models:
    policy = RetryPolicy(RetryBudget(), Breaker(), backoff_s=(0, 0))
    return Models(provider, {"openai": policy}, cast("Meter", tally), cast("Hold | None", hold))


async def test_a_clip_is_heard_and_its_seconds_are_on_the_meter():
    scripted, tally = Scripted(transcribed("Bonjour.", "fr", 2.0)), Tally()

    told = await models(scripted, tally).transcribe(WHISPER, clip(), "fr")

    assert told == Transcript("Bonjour.", "fr", (Segment("Bonjour.", 0.0, 2.0),))
    assert scripted.prompts == [Prompt(WHISPER, (), clip=clip(), language="fr")]
    (call,) = tally.calls
    assert (call.status, call.audio_s, call.characters, call.text) == ("ok", Decimal(2), None, "Bonjour.")
    assert call.usage == Usage(audio_s=Decimal(2))


async def test_a_text_is_spoken_and_its_characters_are_on_the_meter():
    scripted, tally = Scripted(spoken(0.5, 24_000)), Tally()

    told = await models(scripted, tally).speak(VOICE, "Été !", "fr")

    assert told == Sound(bytes(24_000), 24_000)
    assert scripted.prompts == [Prompt(VOICE, (Message("user", "Été !"),), language="fr")]
    (call,) = tally.calls
    assert (call.status, call.audio_s, call.characters) == ("ok", None, 5)
    assert call.usage == Usage(characters=5)


async def test_a_busy_provider_is_asked_again_and_every_try_is_metered_and_covered():
    busy = failure(ProviderBusy, "http_429", retryable=True, retry_after=0.0)
    tally, account = Tally(), Account(9)

    told = await models(Scripted([busy], transcribed("Bonjour.")), tally, account).transcribe(WHISPER, clip())

    assert told.text == "Bonjour."
    assert [call.status for call in tally.calls] == ["busy", "ok"]
    assert account.left == 7
    assert set(tally.sizes) == {Size("whisper-1", 0, 0, audio_s=Decimal(2))}
    assert account.spared == 1


async def test_a_refusal_is_not_asked_again():
    tally = Tally()

    with pytest.raises(PromptRefused):
        await models(Scripted([failure(PromptRefused, "http_413")]), tally).transcribe(WHISPER, clip())

    assert [(call.status, call.usage) for call in tally.calls] == [("refused", Usage())]


async def test_a_spent_budget_asks_nobody():
    scripted, tally = Scripted(spoken()), Tally()

    with pytest.raises(BudgetSpent):
        await models(scripted, tally, Account(0)).speak(VOICE, "Bonjour.")

    assert (scripted.prompts, tally.calls) == ([], [])
    assert tally.sizes[0].characters == 8


@pytest.mark.parametrize(
    "line", [Done(Usage()), Text(["Bonjour."]), Done(vectors=(b"",))], ids=["nothing", "text", "vectors"]
)
async def test_an_answer_of_another_kind_is_malformed(line):
    with pytest.raises(ProviderDown, match="malformed"):
        await models(Scripted([line]), Tally()).transcribe(WHISPER, clip())
    with pytest.raises(ProviderDown, match="malformed"):
        await models(Scripted([line]), Tally()).speak(VOICE, "Bonjour.")


async def test_a_model_of_a_provider_that_is_not_there_is_unavailable():
    with pytest.raises(ModelUnavailable):
        await models(Scripted(), Tally()).transcribe(named("voxtral-mini-latest"), clip())


async def test_who_leaves_owes_the_clip_that_was_sent():
    scripted, tally = Scripted([asyncio.Event()]), Tally()
    hearing = asyncio.create_task(models(scripted, tally).transcribe(WHISPER, clip()))
    for _ in range(9):
        await asyncio.sleep(0)  # until it waits for the answer

    hearing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hearing

    assert scripted.closed == 1
    assert [(call.status, call.audio_s) for call in tally.calls] == [("cancelled", Decimal(2))]


async def test_each_kind_of_model_has_its_own_script():
    scripted = ScriptedByKind(
        {"transcription": Scripted(transcribed("Oui.")), "speech": Scripted(spoken()), "chat": Scripted(GREETING)}
    )
    asked = models(scripted, Tally())

    heard = await asked.transcribe(WHISPER, clip())
    said = await asked.speak(VOICE, "Oui.")
    told = [event async for event in asked.stream(Prompt(CHAT, [Message("user", "Oui ?")]))]

    assert (heard.text, said.seconds, told) == ("Oui.", 1.0, list(GREETING))
