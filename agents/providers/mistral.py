"""The Mistral chat API: the OpenAI wire, but usage comes unasked and asking for it is an error."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.json import Encoder

from agents.messages import Message, Prompt
from agents.providers.audio import Audio
from agents.providers.chat import Chat
from agents.providers.embeddings import ask_in_numbers
from agents.providers.openai import ResponseFormat, shape
from agents.providers.transport import Transport, Upstream


class Request(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of a request; Mistral refuses fields that it does not know, `stream_options` and `user` among them."""

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = None
    stream: bool = False
    response_format: ResponseFormat | None = None


_encode = Encoder().encode


def ask(prompt: Prompt) -> bytes:
    """Return the prompt as the body of a request."""
    sampling = prompt.sampling
    return _encode(
        Request(
            model=prompt.model.upstream,
            messages=prompt.messages,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            frequency_penalty=sampling.frequency_penalty,
            presence_penalty=sampling.presence_penalty,
            max_tokens=sampling.max_tokens,
            stream=prompt.stream,
            response_format=shape(prompt.schema),
        )
    )


def connect(upstream: Upstream) -> Chat:
    """Return the provider at `upstream`; nothing is opened before its first prompt."""
    transport = Transport(upstream)
    return Chat(transport, ask, ask_in_numbers, Audio(transport, "agents.providers.audio_mistral"))
