"""Prompts whose model's upstream name chooses how the faulty upstream answers."""

from contextlib import aclosing
from typing import Any

from agents.errors import ProviderError
from agents.messages import Event, Message, Prompt, Sampling, Text
from agents.providers.provider import Provider
from agents.providers.transport import Timeouts
from pricing_tables.model import CarbonUnknown, Model

PATIENT = Timeouts(connect=2, first_byte=5, idle=5, total=20)
HASTY = Timeouts(connect=1, first_byte=0.15, idle=0.15, total=2)


def model(upstream: str, provider: str = "openai") -> Model:
    return Model(
        name=upstream,
        provider=provider,
        upstream=upstream,
        canonical=upstream,
        context_window=128_000,
        description="A model",
        prices=(),
        carbon=CarbonUnknown(),
    )


def prompt(upstream: str, *, stream: bool = False, **fields: Any) -> Prompt:
    asked = {
        "model": model(upstream),
        "messages": (Message(role="user", content="Is the café open?"),),
        "sampling": Sampling(),
        "stream": stream,
    }
    return Prompt(**{**asked, **fields})


async def collect(provider: Provider, asked: Prompt) -> list[Event]:
    return [event async for event in provider.stream(asked)]


def text_of(events: list[Event]) -> str:
    return "".join("".join(event.pieces) for event in events if isinstance(event, Text))


async def failure_of(provider: Provider, scenario: str, *, stream: bool = False) -> tuple[ProviderError, str]:
    """The error that ends the answer, and the text that came before it."""
    events: list[Event] = []
    try:
        async with aclosing(provider.stream(prompt(scenario, stream=stream))) as answer:
            async for event in answer:
                events.append(event)  # noqa: PERF401  # what came before the error counts
    except ProviderError as failed:
        return failed, text_of(events)
    message = f"{scenario} did not fail"
    raise AssertionError(message)


class Unwatched:
    """A try that nobody counts."""

    def __init__(self, prompt):
        self.prompt = prompt

    def saw(self, event):
        pass

    def failed(self, error):
        pass

    def left(self):
        pass
