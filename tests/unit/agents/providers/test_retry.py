import pytest

from agents.errors import AnswerCut, ModelUnavailable, PromptRefused, ProviderBusy, ProviderDown, ProviderError
from agents.messages import Done, Text
from agents.providers.breaker import Breaker
from agents.providers.failure import failure
from agents.providers.retry import Retry, RetryBudget, RetryPolicy
from agents.providers.scripted import GREETING, Scripted
from agents.providers.switchboard import Switchboard
from tests.faults.prompts import Unwatched, collect, model, prompt

pytestmark = pytest.mark.anyio

ASKED = prompt("any")
RESET = [failure(ProviderDown, "reset", retryable=True)]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        self.now += 10  # every look finds the budget's free retry there
        return self.now


def policy(**fields):
    return RetryPolicy(**{"budget": RetryBudget(Clock()), "breaker": Breaker(), "backoff_s": (0, 0), **fields})


async def test_the_first_answer_that_begins_is_the_answer():
    provider = Scripted(RESET, RESET, GREETING)

    events = await collect(Retry(provider, policy(), Unwatched), ASKED)

    assert events == list(GREETING)
    assert len(provider.prompts) == 3


async def test_two_retries_are_the_most():
    provider = Scripted(RESET)

    with pytest.raises(ProviderDown):
        await collect(Retry(provider, policy(), Unwatched), ASKED)

    assert len(provider.prompts) == 3


@pytest.mark.parametrize(
    "script",
    [
        [failure(PromptRefused, "http_400")],
        [failure(ProviderDown, "http_401")],
        [failure(ProviderBusy, "http_429", retryable=True, retry_after=2.5)],
        [Text(["a"]), failure(AnswerCut, "cut", accepted=True)],
        [Text(["a"]), failure(ProviderDown, "reset", retryable=True)],
    ],
)
async def test_what_cannot_help_or_was_begun_is_not_asked_again(script):
    provider = Scripted(script)

    with pytest.raises(ProviderError):
        await collect(Retry(provider, policy(), Unwatched), ASKED)

    assert len(provider.prompts) == 1


async def test_a_short_wait_that_the_provider_asks_is_kept():
    provider = Scripted([failure(ProviderBusy, "http_429", retryable=True, retry_after=0.01)], GREETING)

    events = await collect(Retry(provider, policy(), Unwatched), ASKED)

    assert isinstance(events[-1], Done)


async def test_no_retry_would_end_after_the_time_of_the_request():
    provider = Scripted(RESET)

    with pytest.raises(ProviderDown):
        await collect(Retry(provider, policy(backoff_s=(5, 5), total_s=4), Unwatched), ASKED)

    assert len(provider.prompts) == 1


async def test_a_provider_that_fails_gets_a_fifth_more_load_not_three_times_as_much():
    failing = [failure(ProviderDown, "http_500", retryable=True)]
    provider, shared = Scripted(failing), policy(budget=RetryBudget(lambda: 0.0))

    for _ in range(200):
        with pytest.raises(ProviderDown):
            await collect(Retry(provider, shared, Unwatched), ASKED)

    assert 235 <= len(provider.prompts) <= 241


async def test_a_prompt_goes_to_the_provider_of_its_model():
    one, two = Scripted(), Scripted()
    board = Switchboard({"one": one, "two": two}, {})

    await collect(board, prompt("any", model=model("m", provider="two")))

    assert (len(one.prompts), len(two.prompts)) == (0, 1)


def test_a_provider_without_its_key_is_unavailable_and_says_what_to_set():
    board = Switchboard({"one": Scripted()}, {"one": "set ONE_API_KEY"})
    asked = prompt("any", model=model("m", provider="one"))

    with pytest.raises(ModelUnavailable, match="m: set ONE_API_KEY"):
        board.stream(asked)

    assert not board.available(asked.model)


def test_a_provider_that_nobody_configured_is_unavailable():
    with pytest.raises(ModelUnavailable, match="no provider is named nobody"):
        Switchboard({}, {}).stream(prompt("any", model=model("m", provider="nobody")))
