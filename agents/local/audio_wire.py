"""OpenAI's shapes of transcription and speech, as the child reads and writes them."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType


class SpeechRequest(Struct, frozen=True):
    """A text to say; fields that say nothing here are ignored, as is whose voice it would be.

    `language` is our own: ISO 639-1; without it the commonest words tell.
    """

    input: Annotated[str, Meta(min_length=1)]
    model: str | None = None
    voice: object = None
    response_format: Literal["pcm", "wav"] = "pcm"
    speed: Annotated[float, Meta(ge=0.25, le=4)] = 1.0
    language: str | None = None


class DurationUsage(Struct, frozen=True, tag="duration"):
    """How long the clip lasts, and `busy_s`: the call's share of the machine's processor at full load; in seconds."""

    seconds: float
    busy_s: float


class TranscriptWord(Struct, frozen=True):
    """A word, and when it is said, in seconds from the beginning."""

    word: str
    start: float
    end: float


class TranscriptSegment(Struct, frozen=True):
    """A part of a transcript; `language` is our own field: a clip may have more than one."""

    id: int
    start: float
    end: float
    text: str
    language: str
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    seek: int = 0
    temperature: float = 0.0
    tokens: tuple[int, ...] = ()


class PlainTranscript(Struct, frozen=True):
    """The answer in `json`."""

    text: str
    usage: DurationUsage


class VerboseTranscript(Struct, frozen=True):
    """The answer in `verbose_json`; `language` is ISO 639-1, null where nothing is said."""

    text: str
    language: str | None
    duration: float
    segments: list[TranscriptSegment]
    usage: DurationUsage
    words: list[TranscriptWord] | UnsetType = UNSET
    task: Literal["transcribe"] = "transcribe"
