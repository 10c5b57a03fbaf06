import asyncio
from contextlib import suppress

import pytest

from agents.errors import ProviderDown, ProviderError, ProviderTimeout
from agents.messages import Done
from agents.providers.breaker import COOLDOWN_S, FAILURES_IN_A_ROW, Breaker
from agents.providers.failure import failure
from agents.providers.retry import Retry, RetryBudget, RetryPolicy
from agents.providers.scripted import GREETING, Scripted
from tests.faults.prompts import Unwatched, collect, prompt

pytestmark = pytest.mark.anyio

ASKED = prompt("any")
DOWN = [failure(ProviderDown, "refused", retryable=True)]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def guarded(provider, clock):
    return Retry(provider, RetryPolicy(RetryBudget(), Breaker(clock), most=0), Unwatched)


async def fail(provider, times):
    for _ in range(times):
        with pytest.raises(ProviderError):
            await collect(provider, ASKED)


async def test_after_failures_in_a_row_nothing_is_asked_for_a_while():
    clock, down = Clock(), Scripted(DOWN)
    breaker = guarded(down, clock)
    await fail(breaker, FAILURES_IN_A_ROW)
    clock.now += COOLDOWN_S / 2

    with pytest.raises(ProviderDown) as caught:
        await collect(breaker, ASKED)

    assert len(down.prompts) == FAILURES_IN_A_ROW
    assert (caught.value.code, caught.value.retryable, caught.value.retry_after) == ("open", False, COOLDOWN_S / 2)


async def test_it_raises_the_kind_of_error_that_opened_it():
    breaker = guarded(Scripted([failure(ProviderTimeout, "timeout_connect")]), Clock())
    await fail(breaker, FAILURES_IN_A_ROW)

    with pytest.raises(ProviderTimeout):
        await collect(breaker, ASKED)


async def test_after_the_cooldown_one_call_tries_and_the_others_are_refused():
    clock, gate = Clock(), asyncio.Event()
    provider = Scripted(*[DOWN] * FAILURES_IN_A_ROW, [gate, *GREETING])
    breaker = guarded(provider, clock)
    await fail(breaker, FAILURES_IN_A_ROW)
    clock.now += COOLDOWN_S
    probe = asyncio.ensure_future(collect(breaker, ASKED))
    await asyncio.sleep(0)

    await fail(breaker, 3)

    assert len(provider.prompts) == FAILURES_IN_A_ROW + 1
    gate.set()
    assert isinstance((await probe)[-1], Done)
    assert isinstance((await collect(breaker, ASKED))[-1], Done)


async def test_a_probe_that_fails_opens_it_again():
    clock, down = Clock(), Scripted(DOWN)
    breaker = guarded(down, clock)
    await fail(breaker, FAILURES_IN_A_ROW)
    clock.now += COOLDOWN_S

    await fail(breaker, 5)

    assert len(down.prompts) == FAILURES_IN_A_ROW + 1


async def test_a_cancelled_probe_leaves_its_place_to_the_next():
    clock = Clock()
    provider = Scripted(*[DOWN] * FAILURES_IN_A_ROW, [asyncio.Event()], GREETING)
    breaker = guarded(provider, clock)
    await fail(breaker, FAILURES_IN_A_ROW)
    clock.now += COOLDOWN_S
    probe = asyncio.ensure_future(collect(breaker, ASKED))
    await asyncio.sleep(0)

    probe.cancel()
    with suppress(asyncio.CancelledError):
        await probe

    assert isinstance((await collect(breaker, ASKED))[-1], Done)


async def test_callers_that_leave_never_open_it():
    breaker = guarded(Scripted(*[[asyncio.Event()]] * 50, GREETING), Clock())

    for _ in range(50):
        call = asyncio.ensure_future(collect(breaker, ASKED))
        await asyncio.sleep(0)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call

    assert isinstance((await collect(breaker, ASKED))[-1], Done)


@pytest.mark.parametrize("code", ["http_401", "http_429", "http_500", "malformed", "timeout_first_byte"])
async def test_a_provider_that_answers_badly_is_not_down(code):
    provider = Scripted([failure(ProviderDown, code)])
    breaker = guarded(provider, Clock())

    await fail(breaker, 3 * FAILURES_IN_A_ROW)

    assert len(provider.prompts) == 3 * FAILURES_IN_A_ROW


async def test_one_answer_in_between_starts_the_count_anew():
    nearly = [DOWN] * (FAILURES_IN_A_ROW - 1)
    provider = Scripted(*nearly, GREETING, *nearly, GREETING)
    breaker = guarded(provider, Clock())

    for _ in range(2):
        await fail(breaker, len(nearly))
        await collect(breaker, ASKED)

    assert len(provider.prompts) == 2 * FAILURES_IN_A_ROW
