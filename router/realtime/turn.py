"""One turn: what it hears, answers and says, on one meter (2.6.2, 2.6.4)."""

from collections.abc import Sequence
from contextlib import aclosing, suppress

import msgspec
from msgspec import Raw, Struct

from accounts.errors import AccountError
from accounts.gate.gate import Hold
from agents import PIPELINES
from agents.audio.clip import Clip
from agents.messages import Events, Message, Sound, Task, Text, Transcript
from agents.providers.models import Models
from agents.reading import Reading
from metering.meter import Meter
from metering.receipt import RequestStatus
from router.audio_menu import AudioMenu
from router.framing import as_json
from router.menu import Choice
from router.realtime.telling import Telling
from router.sourced import Told
from storage.errors import StorageError


class Head(Struct, frozen=True):
    """What the metadata of an answer has before its receipt."""

    model: str
    agent: str
    message_count: int


class SocketTurn:
    """A turn that was let in; see `agents.voice.turns.Turn`.

    Args:
        shown: The model as its client named it.
        agent: The pipeline.
        task: Without message and history, which come later.
        models: All that it may ask, on its meter.
        hold: What it holds of limits and budgets.
        audio: Says who hears and who speaks.
        telling: Says what goes wrong.

    """

    def __init__(
        self,
        *,
        shown: str,
        agent: str,
        task: Task,
        models: Models,
        hold: Hold | None,
        audio: AudioMenu,
        telling: Telling,
    ) -> None:
        self.model = shown
        self.agent = agent
        self._task = task
        self._models = models
        self._hold = hold
        self._audio = audio
        self._telling = telling
        self._meter = telling.meter
        self._speaker: Choice | None = None
        self._messages = 2

    async def transcribe(self, clip: Clip) -> Transcript:
        """Return what is said in the clip."""
        with self._telling:
            choice = self._audio.transcription()
            warn_of(choice, self._meter)
            return await self._models.transcribe(choice.model, clip)

    async def answer(self, message: str, history: Sequence[Message]) -> Events:
        """Return the answer as it comes; closing it closes the call upstream."""
        self._messages = len(history) + 2
        task = msgspec.structs.replace(self._task, message=message, history=tuple(history))
        return self._told(PIPELINES[self.agent](task, self._models))

    async def _told(self, events: Events) -> Events:
        with self._telling:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Text):
                        self._meter.text_went_out()
                    yield event

    async def speak(self, text: str, language: str | None) -> Sound:
        """Return a sentence as sound."""
        with self._telling:
            if self._speaker is None:
                self._speaker = self._audio.speech()
                warn_of(self._speaker, self._meter)
            return await self._models.speak(self._speaker.model, text, language)

    async def settle(self, status: RequestStatus) -> Raw:
        """Settle, and return the metadata of the answer: its receipt, and the documents that it read."""
        with self._telling:
            reading = self._reading
            if reading is not None:
                reading.end()
            receipt = await self._meter.settle(status)
            told = b"" if reading is None else b"," + as_json(Told(reading.sources, reading.check))[1:-1]
            head = as_json(Head(self.model, self.agent, self._messages))
            return Raw(b"".join([head[:-1], b",", as_json(receipt)[1:-1], told, b"}"]))

    async def end(self, status: RequestStatus) -> None:
        """Settle what is open; a book that cannot take the row now keeps it queued. Give back what was not used."""
        try:
            if self._meter.is_open:
                with suppress(StorageError):
                    await self._meter.settle(status)
        finally:
            hold, self._hold = self._hold, None
            if hold is not None:
                with suppress(AccountError, StorageError):
                    await hold.used(self._meter.tokens)

    @property
    def _reading(self) -> Reading | None:
        return self._task.reading


def warn_of(choice: Choice, meter: Meter) -> None:
    """Have the receipt say it when another model answers."""
    if choice.warning is not None:
        meter.warn(choice.warning)
