"""A provider that says what it was told to say: for tests, and for trying the gateway without any model."""

import asyncio
from collections.abc import Mapping, Sequence

from agents.messages import Done, Event, Events, Prompt, Segment, Sound, Text, Transcript
from agents.providers.provider import Provider
from metering.usage import Usage
from pricing_tables.model import Kind

Line = Event | Exception | asyncio.Event

GREETING: tuple[Line, ...] = (
    Text(["Hello", " there."]),
    Done(usage=Usage(input_uncached=12, output_visible=3), finish_reason="stop"),
)


class Scripted:
    """Plays one script a call, the last one for ever: events are yielded, exceptions raised, asyncio events awaited.

    Attributes:
        prompts: What was asked, in order.
        closed: How many answers were closed before their end.

    """

    def __init__(self, *scripts: Sequence[Line]) -> None:
        self.prompts: list[Prompt] = []
        self.closed = 0
        self._scripts = scripts or (GREETING,)

    async def stream(self, prompt: Prompt) -> Events:
        """Play the next script."""
        script = self._scripts[min(len(self.prompts), len(self._scripts) - 1)]
        self.prompts.append(prompt)
        try:
            for line in script:
                if isinstance(line, Exception):
                    raise line
                if isinstance(line, asyncio.Event):
                    await line.wait()
                else:
                    yield line
        except (GeneratorExit, asyncio.CancelledError):
            self.closed += 1
            raise


class ScriptedByKind:
    """Plays for each kind of model what another plays."""

    def __init__(self, providers: Mapping[Kind, Provider]) -> None:
        self._providers = providers

    def stream(self, prompt: Prompt) -> Events:
        """Play on."""
        return self._providers[prompt.model.kind].stream(prompt)


def transcribed(text: str, language: str | None = "fr", seconds: float = 1.0) -> tuple[Line, ...]:
    """Return the script of a clip in which a text is heard, in one segment of so many seconds."""
    segments = (Segment(text, 0.0, seconds),) if text else ()
    return (Done(Usage(), transcript=Transcript(text, language, segments)),)


def spoken(seconds: float = 1.0, rate: int = 16_000) -> tuple[Line, ...]:
    """Return the script of a text that is spoken in so many seconds, of silence."""
    return (Done(Usage(), sound=Sound(bytes(2 * round(seconds * rate)), rate)),)
