"""A provider that says what it was told to say: for tests, and for trying the gateway without any model."""

import asyncio
from collections.abc import Sequence

from agents.messages import Done, Event, Events, Prompt, Text
from metering.usage import Usage

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
