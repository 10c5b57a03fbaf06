"""What a conversation needs of the floor above: turns that are let in, metered and settled, and a client to tell."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Raw, Struct

from agents.audio.clip import Clip
from agents.messages import Events, Message, Sound, Transcript
from metering.receipt import RequestStatus


class TurnRefused(Exception):
    """A turn that was refused or failed, in the words of its surface: what an `error` event says (2.6.2).

    Args:
        code: One of C-10.
        message: What the client reads.

    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Ask(Struct, frozen=True, kw_only=True):
    """What a client wants of its turns: the fields beside `text` (2.6.4); None leaves the choice to the gateway."""

    model: str | None = None
    agent: str | None = None
    project_id: str | None = None
    sources: tuple[str, ...] = ()


class Turn(Protocol):
    """One exchange, let in: everything that it uses is on one meter. Every method raises TurnRefused."""

    @property
    def model(self) -> str:
        """The chat model as the client named it."""
        ...

    @property
    def agent(self) -> str:
        """The pipeline, V1 or V2."""
        ...

    async def transcribe(self, clip: Clip) -> Transcript:
        """Return what is said in the clip."""
        ...

    async def answer(self, message: str, history: Sequence[Message]) -> Events:
        """Admit the message and return its answer as it comes: any number of Text, then one Done."""
        ...

    async def speak(self, text: str, language: str | None) -> Sound:
        """Return a sentence as sound."""
        ...

    async def settle(self, status: RequestStatus) -> Raw:
        """Settle what was used, once, and return it as the `metadata` of an answer: the receipt and what is beside."""
        ...


class Turns(Protocol):
    """Lets turns in."""

    def open(self, ask: Ask, text: str | None, clip: Clip | None) -> AbstractAsyncContextManager[Turn]:
        """Open a turn for a written message or for a spoken one; leaving the context settles what is still open.

        Raises:
            TurnRefused: Whatever it needs cannot be had: model, permission, limit, budget.

        """
        ...


class Client(Protocol):
    """The other end; each method waits while it does not keep up, and raises ConnectionError once it is gone."""

    async def tell(self, kind: str, payload: Struct) -> None:
        """Send an event: `{"type": kind, "payload": …}`."""
        ...

    async def sound(self, pcm: bytes) -> None:
        """Send a binary frame of sound: PCM of 16 bit, mono, at the rate that `audio.start` told."""
        ...
