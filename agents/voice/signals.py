"""What a session is told, and what it orders: the words between the state machine and its driver."""

from collections.abc import Callable, Sequence

from msgspec import Raw, Struct

from agents.audio.clip import Clip
from agents.messages import Message, Sound, Transcript
from agents.voice.events import Format
from agents.voice.turns import Ask
from metering.receipt import RequestStatus


class Wrote(Struct, frozen=True):
    """The client sent a message."""

    ask: Ask
    text: str


class SpeechBegan(Struct, frozen=True):
    """Somebody began to speak."""


class SpeechEnded(Struct, frozen=True):
    """What was said is whole."""

    ask: Ask
    clip: Clip


class Interrupted(Struct, frozen=True):
    """The client wants no more of this answer."""


class HungUp(Struct, frozen=True):
    """Nobody speaks or listens any more; the connection stays."""


class Closed(Struct, frozen=True):
    """The client is gone, or has to go."""


class Opened(Struct, frozen=True):
    """The turn was let in."""

    turn: int
    agent: str


class Heard(Struct, frozen=True):
    """What is said in the clip of the turn."""

    turn: int
    transcript: Transcript


class Came(Struct, frozen=True):
    """A piece of the answer."""

    turn: int
    text: str


class Finished(Struct, frozen=True):
    """The answer is whole."""

    turn: int


class SoundReady(Struct, frozen=True):
    """The sentence that was to be spoken, as sound; `format` is how it will be played."""

    turn: int
    sound: Sound
    format: Format


class Played(Struct, frozen=True):
    """The oldest sound of the turn that was to be played was played to its end."""

    turn: int


class Failed(Struct, frozen=True):
    """Some work of an open turn failed."""

    turn: int
    code: str
    message: str


class Settled(Struct, frozen=True):
    """The turn is settled and left; `metadata` is its receipt."""

    turn: int
    metadata: Raw


class Lost(Struct, frozen=True):
    """The turn was not let in, or could not be settled; it is left."""

    turn: int
    code: str
    message: str


Input = (
    Wrote
    | SpeechBegan
    | SpeechEnded
    | Interrupted
    | HungUp
    | Closed
    | Opened
    | Heard
    | Came
    | Finished
    | SoundReady
    | Played
    | Failed
    | Settled
    | Lost
)
Take = Callable[[Input], None]  # the one way from those who work into a session


class Open(Struct, frozen=True):
    """Open a turn, for a text or for a clip."""

    turn: int
    ask: Ask
    text: str | None
    clip: Clip | None


class Transcribe(Struct, frozen=True):
    """Have the clip transcribed."""

    turn: int
    clip: Clip


class Answer(Struct, frozen=True):
    """Have the message answered."""

    turn: int
    message: str
    history: Sequence[Message]


class Speak(Struct, frozen=True):
    """Have a sentence made into sound."""

    turn: int
    text: str
    language: str | None


class Settle(Struct, frozen=True):
    """Stop whatever the turn does, settle it and leave it."""

    turn: int
    status: RequestStatus


class Play(Struct, frozen=True):
    """Play a sound after those before it."""

    turn: int
    sound: Sound
    format: Format


class Hush(Struct, frozen=True):
    """Stop the sound at once and forget what was to be played."""


class Tell(Struct, frozen=True):
    """Send an event to the client."""

    kind: str
    payload: Struct


Order = Open | Transcribe | Answer | Speak | Settle | Play | Hush | Tell
