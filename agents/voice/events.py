"""What the client of a conversation is told: the payloads of its events (2.6.2, 2.6.4)."""

from typing import Literal

from msgspec import Raw, Struct

Format = Literal["pcm16", "opus"]  # as binary frames of the connection; on the track of a peer connection


class Answering(Struct, frozen=True, kw_only=True):
    """Which pipeline answers, in the two spellings that clients know (2.6.4)."""

    agent_type: str
    agent: str


class Transcribed(Answering, frozen=True, kw_only=True):
    """`transcript`: what was heard; `language` is ISO 639-1."""

    text: str
    final: bool = True
    language: str | None = None


class Delta(Answering, frozen=True, kw_only=True):
    """`response.delta`: a piece of the answer."""

    content: str


class Answered(Answering, frozen=True, kw_only=True):
    """`response.done`: the end of an answer and its receipt."""

    content: str = ""
    metadata: Raw


class SoundBegins(Answering, frozen=True, kw_only=True):
    """`audio.start`: the answer is spoken from here on."""

    format: Format
    rate: int


class SoundEnds(Answering, frozen=True, kw_only=True):
    """`audio.end`: nothing more of this answer is spoken."""

    interrupted: bool


class Failure(Struct, frozen=True):
    """`error`: what went wrong, in one of the codes of C-10."""

    code: str
    message: str
