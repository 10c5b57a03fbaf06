"""The words of the agents: message, task, prompt, and the two events of an answer."""

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Raw, Struct

from agents.audio.clip import Clip
from metering.usage import Usage
from pricing_tables.model import Model

if TYPE_CHECKING:
    from agents.reading import Reading  # which speaks in these words

Role = Literal["system", "user", "assistant"]


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: str


class Sampling(Struct, frozen=True):
    """How an answer is drawn; None leaves the choice to the provider."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


class Task(Struct, frozen=True):
    """What a caller asks of a pipeline, past the edge.

    `role` says `message`: whoever calls, unless it is the end of a prompt that somebody else speaks. `planner` plans in
    place of `model`, for pipelines that plan. `reading` is what the task reads of its project's documents, None where
    it reads none.
    """

    message: str
    model: Model
    history: tuple[Message, ...] = ()
    sampling: Sampling = Sampling()
    stream: bool = False
    planner: Model | None = None
    project_id: str | None = None
    sources: tuple[str, ...] = ()
    user: str | None = None
    reading: "Reading | None" = None
    role: Role = "user"

    def conversation(self) -> list[Message]:
        """Return the turns so far and the question."""
        return [*self.history, Message(self.role, self.message)]


class Prompt(Struct, frozen=True):
    """What one upstream call is asked.

    `stream` says how the provider is asked: false asks for a whole answer, which then comes as one Text.
    `schema` is a JSON schema that the answer must satisfy, for providers that can constrain; others ignore it.
    A transcription has a `clip` and no messages, and maybe its `language` (ISO 639-1). A speech has its text as the
    one user message, and maybe a `language` to choose the voice by.
    """

    model: Model
    messages: Sequence[Message]
    sampling: Sampling = Sampling()
    stream: bool = False
    schema: Raw | None = None
    user: str | None = None
    clip: Clip | None = None
    language: str | None = None


class Text(Struct, frozen=True):
    """Pieces of the answer that arrived together, in order, each as the provider cut it."""

    pieces: list[str]


class Word(Struct, frozen=True):
    """A word of a transcript, and when it is said, in seconds from the beginning of its clip."""

    text: str
    start_s: float
    end_s: float


class Segment(Struct, frozen=True):
    """A stretch of a transcript; its words where the model tells them, its own language where there are several."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()
    language: str | None = None


class Transcript(Struct, frozen=True):
    """What is said in a clip; `language` is ISO 639-1, None where the model does not tell."""

    text: str
    language: str | None = None
    segments: tuple[Segment, ...] = ()


class Sound(Struct, frozen=True):
    """Speech: PCM of 16 bit, little endian, mono, at `rate` samples a second."""

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / 2 / self.rate


class Done(Struct, frozen=True):
    """The end of a whole answer.

    `usage` is None when the provider gave none or gave an absurd one; `usage_refused` then says what was wrong.
    `vectors` is the whole answer of an embeddings model, one for each text: float32, little endian. `transcript` is
    that of a transcription model, `sound` that of a speech model.
    """

    usage: Usage | None = None
    usage_refused: str | None = None
    finish_reason: str | None = None
    vectors: tuple[bytes, ...] = ()
    transcript: Transcript | None = None
    sound: Sound | None = None


Event = Text | Done
Events = AsyncGenerator[Event, None]
