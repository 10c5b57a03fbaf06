"""Where a conversation stands: its turn, what is played, what waits, what was said before."""

from typing import Literal

from msgspec import Struct

from agents.audio.clip import Clip
from agents.messages import Message
from agents.voice.events import Failure
from agents.voice.turns import Ask

Phase = Literal["opening", "transcribing", "answering", "settling"]


class Request(Struct, frozen=True):
    """A message or an utterance that wants an answer."""

    ask: Ask
    text: str | None = None
    clip: Clip | None = None


class Exchange(Struct, frozen=True):
    """The one turn under way.

    `rest` is what of its answer makes no sentence yet, `unsaid` the sentences that are to be spoken, `saying` whether
    one is being made into sound. `refusal` is what the client will be told in place of `response.done`.
    """

    request: Request
    phase: Phase = "opening"
    agent: str = ""
    question: str = ""
    language: str | None = None
    answer: str = ""
    finished: bool = False
    rest: str = ""
    unsaid: tuple[str, ...] = ()
    saying: bool = False
    said: bool = False
    refusal: Failure | None = None

    @property
    def spoken(self) -> bool:
        """Whether it was asked by voice, and is answered by voice."""
        return self.request.clip is not None


class Playback(Struct, frozen=True):
    """What is being played: it may outlast its turn, which is settled once all of it was made."""

    turn: int
    agent: str
    sounds: int


class State(Struct, frozen=True):
    """Where a conversation stands; `turn` counts the turns so far.

    `carried` is an utterance whose speaker went on before it was transcribed: the next one begins with it.
    """

    turn: int = 0
    exchange: Exchange | None = None
    playback: Playback | None = None
    carried: Clip | None = None
    waiting: tuple[Request, ...] = ()
    history: tuple[Message, ...] = ()
    closed: bool = False
