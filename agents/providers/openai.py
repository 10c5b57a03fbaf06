"""The OpenAI chat API, and every server that speaks it."""

import re
from collections.abc import Sequence

from msgspec import Raw, Struct
from msgspec.json import Encoder

from agents.messages import Message, Prompt
from agents.providers.audio import Audio
from agents.providers.chat import Chat
from agents.providers.embeddings import ask_in_base64
from agents.providers.transport import Transport, Upstream

# These models draw in their own way: they refuse a temperature, and count their thinking in the tokens they may write.
# Source: OpenAI, "Reasoning models" guide, parameters.
_REASONING = re.compile(r"(o\d|gpt-5)(?!.*-chat)")


class StreamOptions(Struct, frozen=True):
    """Without it a stream does not tell its usage."""

    include_usage: bool = True


class NamedSchema(Struct, frozen=True):
    """A JSON schema; strict ones hold while the answer is drawn."""

    schema: Raw
    name: str = "answer"
    strict: bool = True


class ResponseFormat(Struct, frozen=True, tag_field="type", tag="json_schema"):
    """The shape that the answer must have."""

    json_schema: NamedSchema


class Request(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of a request for a chat completion."""

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None


_encode = Encoder().encode
_USAGE_TOO = StreamOptions(include_usage=True)


def ask(prompt: Prompt) -> bytes:
    """Return the prompt as the body of a request."""
    sampling = prompt.sampling
    reasons = _REASONING.match(prompt.model.upstream) is not None
    return _encode(
        Request(
            model=prompt.model.upstream,
            messages=prompt.messages,
            temperature=None if reasons else sampling.temperature,
            top_p=None if reasons else sampling.top_p,
            frequency_penalty=None if reasons else sampling.frequency_penalty,
            presence_penalty=None if reasons else sampling.presence_penalty,
            max_tokens=None if reasons else sampling.max_tokens,
            max_completion_tokens=sampling.max_tokens if reasons else None,
            stream=prompt.stream,
            stream_options=_USAGE_TOO if prompt.stream else None,
            response_format=shape(prompt.schema),
            user=prompt.user,
        )
    )


def shape(schema: Raw | None) -> ResponseFormat | None:
    """Return the response format that holds an answer to `schema`."""
    return None if schema is None else ResponseFormat(NamedSchema(schema))


def connect(upstream: Upstream) -> Chat:
    """Return the provider at `upstream`; nothing is opened before its first prompt."""
    transport = Transport(upstream)
    return Chat(transport, ask, ask_in_base64, Audio(transport, "agents.providers.audio_openai"))
