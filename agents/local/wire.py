"""The OpenAI shapes as the child reads and writes them, and the pieces its engine yields."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

NOTHING, NULL = Raw(), Raw(b"null")


class TextPart(Struct, frozen=True, tag="text"):
    """A part of a message; text is all that these models read."""

    text: str


class Turn(Struct, frozen=True):
    """One message of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str | list[TextPart]


class StreamOptions(Struct, frozen=True):
    """Whether the last chunk of a stream carries the usage."""

    include_usage: bool = False


class ChatRequest(Struct, frozen=True):
    """What a client asks; fields the engine does not take are ignored."""

    messages: Annotated[list[Turn], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    response_format: Raw = NOTHING


class EngineRequest(Struct, frozen=True, omit_defaults=True):
    """What the engine is asked: always a stream with progress, so that every call can be stopped at any moment."""

    messages: list[Turn]
    stream: bool
    return_progress: bool
    stream_options: StreamOptions
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    response_format: Raw = NOTHING


class CachedTokens(Struct, frozen=True):
    """Prompt tokens that the slot still held."""

    cached_tokens: int


class Usage(Struct, frozen=True):
    """Token counts, and `busy_s`: the call's share of the machine's processor at full load, in seconds."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens | UnsetType = UNSET
    busy_s: float | UnsetType = UNSET


class Delta(Struct, frozen=True):
    """What one chunk adds to the answer."""

    role: str | UnsetType = UNSET
    content: str | UnsetType | None = UNSET


class ChunkChoice(Struct, frozen=True):
    """The one choice of a chunk."""

    index: int = 0
    delta: Delta = Delta()
    finish_reason: str | None = None


class EngineError(Struct, frozen=True):
    """How the engine refuses or fails: an HTTP status and its reason."""

    code: int
    message: str
    type: str = "server_error"


class PromptProgress(Struct, frozen=True):
    """How far the prompt has been read; its figures are not needed."""


class Piece(Struct, frozen=True):
    """One thing the engine yields: progress of the prompt, a chunk, the usage, or an error."""

    id: str = ""
    created: int = 0
    choices: tuple[ChunkChoice, ...] = ()
    usage: Usage | None = None
    prompt_progress: PromptProgress | None = None
    error: EngineError | None = None


class Chunk(Struct, frozen=True, kw_only=True):
    """One event of a streamed answer."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: Usage | UnsetType = UNSET


class AnswerMessage(Struct, frozen=True):
    """The whole answer's text."""

    role: Literal["assistant"]
    content: str


class AnswerChoice(Struct, frozen=True):
    """The one choice of a whole answer."""

    index: int
    message: AnswerMessage
    finish_reason: str | None


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: tuple[AnswerChoice, ...]
    usage: Usage | None


class ErrorBody(Struct, frozen=True):
    """What is wrong, in OpenAI's four keys."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorAnswer(Struct, frozen=True):
    """An error as the whole body, or as the last event of a stream."""

    error: ErrorBody


class ModelRow(Struct, frozen=True):
    """A model served here."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "embedded"


class ModelList(Struct, frozen=True):
    """The models served here."""

    data: list[ModelRow]
    object: Literal["list"] = "list"


class EmbeddingsRequest(Struct, frozen=True):
    """Texts to embed; fields that say nothing here are ignored."""

    input: str | list[str]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


class EmbeddingRow(Struct, frozen=True):
    """The vector of one text: numbers, or their float32 bytes in base64."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingsUsage(Struct, frozen=True):
    """The tokens that were read, and `busy_s` as in `Usage`."""

    prompt_tokens: int
    total_tokens: int
    busy_s: float


class EmbeddingsAnswer(Struct, frozen=True, kw_only=True):
    """The vectors, in the order of their texts."""

    object: Literal["list"] = "list"
    data: list[EmbeddingRow]
    model: str
    usage: EmbeddingsUsage


class TokensRequest(Struct, frozen=True):
    """A conversation whose tokens are to be counted."""

    messages: Annotated[list[Turn], Meta(min_length=1)]


class TokensAnswer(Struct, frozen=True):
    """How many tokens the chat model would read."""

    tokens: int


class Health(Struct, frozen=True):
    """The child is ready: it answers only once the model is loaded."""

    status: Literal["ok"] = "ok"


def engine_request(asked: ChatRequest) -> bytes:
    """Encode what the engine is asked for `asked`."""
    return msgspec.json.encode(
        EngineRequest(
            messages=asked.messages,
            stream=True,
            return_progress=True,
            stream_options=StreamOptions(include_usage=True),
            max_tokens=asked.max_completion_tokens or asked.max_tokens,
            temperature=asked.temperature,
            top_p=asked.top_p,
            frequency_penalty=asked.frequency_penalty,
            presence_penalty=asked.presence_penalty,
            seed=asked.seed,
            stop=asked.stop,
            response_format=NOTHING if asked.response_format == NULL else asked.response_format,
        )
    )


def error_answer(error: EngineError) -> ErrorAnswer:
    """Retell an engine's error in OpenAI's words."""
    if error.type == "exceed_context_size_error":
        return ErrorAnswer(ErrorBody(error.message, "invalid_request_error", "messages", "context_length_exceeded"))
    if error.code < 500:  # noqa: PLR2004 - an HTTP status class
        return ErrorAnswer(ErrorBody(error.message, "invalid_request_error"))
    return ErrorAnswer(ErrorBody(error.message, "server_error"))
