"""What every provider promises, whatever stands behind it."""

import asyncio
from contextlib import aclosing

import pytest

from agents.errors import AnswerCut, ProviderDown, ProviderError
from agents.messages import Done, Text
from agents.providers import PROVIDERS
from agents.providers.failure import failure
from agents.providers.provider import Provider
from agents.providers.scripted import Scripted
from agents.providers.transport import Upstream
from metering.usage import Usage
from tests.faults.prompts import PATIENT, collect, failure_of, prompt, text_of
from tests.faults.upstream import FaultyUpstream
from tests.faults.wire import ANSWER, USAGE, WORDS

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
COUNTED = Usage(input_uncached=USAGE["prompt_tokens"], output_visible=USAGE["completion_tokens"])
SCRIPTS = {
    "ok": [Text(list(WORDS)), Done(usage=COUNTED, finish_reason="stop")],
    "usage_none": [Text(list(WORDS)), Done(finish_reason="stop")],
    "s500": [failure(ProviderDown, "http_500", retryable=True)],
    "truncated_clean": [Text(list(WORDS[:3])), failure(AnswerCut, "cut", accepted=True)],
    "stall_mid": [Text(list(WORDS[:2])), asyncio.Event()],
}


class Cast:
    """A scripted provider for each scenario."""

    def __init__(self):
        self.players = {name: Scripted(script) for name, script in SCRIPTS.items()}

    def stream(self, asked):
        return self.players[asked.model.upstream].stream(asked)


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request):
    return ("asyncio", {"use_uvloop": request.param == "uvloop"})


@pytest.fixture(params=[*PROVIDERS, "scripted"])
async def provider(request):
    if request.param == "scripted":
        yield Cast()
        return
    async with FaultyUpstream() as upstream:
        chat = PROVIDERS[request.param](Upstream(request.param, upstream.base_url, "sk-ours", PATIENT))
        yield chat
        await chat.aclose()


async def test_a_provider_is_one_method(provider):
    assert isinstance(provider, Provider)


@BOTH
async def test_an_answer_is_text_and_then_exactly_one_done(provider, stream):
    events = await collect(provider, prompt("ok", stream=stream))

    assert text_of(events) == ANSWER
    assert all(isinstance(event, Text) for event in events[:-1])
    assert events[-1] == Done(usage=COUNTED, finish_reason="stop")


@BOTH
async def test_usage_that_was_not_told_is_none(provider, stream):
    events = await collect(provider, prompt("usage_none", stream=stream))

    assert events[-1].usage is None


@BOTH
async def test_a_failure_before_the_answer_is_one_error(provider, stream):
    with pytest.raises(ProviderError) as caught:
        await collect(provider, prompt("s500", stream=stream))

    assert (caught.value.code, caught.value.retryable) == ("http_500", True)


async def test_a_cut_answer_gives_its_text_and_then_the_error(provider):
    error, text = await failure_of(provider, "truncated_clean", stream=True)

    assert (type(error), error.accepted) == (AnswerCut, True)
    assert text == "".join(WORDS[:3])


async def test_an_answer_may_be_closed_early(provider):
    async with aclosing(provider.stream(prompt("stall_mid", stream=True))) as answer:
        first = await anext(answer)

    with pytest.raises(StopAsyncIteration):
        await anext(answer)
    assert isinstance(first, Text)


@BOTH
async def test_answers_asked_at_once_do_not_mix(provider, stream):
    answers = await asyncio.gather(*(collect(provider, prompt("ok", stream=stream)) for _ in range(20)))

    assert {text_of(events) for events in answers} == {ANSWER}
