"""The embedded ears and voice are loaded while a caller connects; nothing of a vendor's is called for that."""

import asyncio
from types import SimpleNamespace

from agents.errors import ModelUnavailable, ProviderDown
from agents.messages import Done
from router.realtime.warming import Warming


class Provider:
    def __init__(self, fails=None):
        self.prompts = []
        self.fails = fails

    async def stream(self, prompt):
        self.prompts.append(prompt)
        if self.fails:
            raise self.fails
        yield Done()


def chosen(provider):
    return lambda: SimpleNamespace(model=SimpleNamespace(provider=provider))


def unavailable():
    raise ModelUnavailable


def warmed(provider, hears, speaks, times=1):
    warm = Warming(provider, hears, speaks)

    async def run():
        for _ in range(times):
            await warm()

    asyncio.run(run())
    return provider.prompts


def test_both_are_loaded_once_for_many_callers():
    hearing, speaking = warmed(Provider(), chosen("local"), chosen("local"), times=3)

    assert hearing.clip.seconds < 1
    assert speaking.messages[0].content == "a"


def test_a_vendor_is_not_called():
    assert warmed(Provider(), chosen("openai"), chosen("openai")) == []


def test_what_is_missing_or_down_is_left_to_the_turn():
    assert warmed(Provider(ProviderDown()), chosen("local"), chosen("local"))
    assert warmed(Provider(), unavailable, unavailable) == []
