"""One embeddings call upstream: a text for each turn out, one vector for each in, as the only event."""

import asyncio
import base64
import math
import struct
import sys
from array import array
from collections.abc import Sequence

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from agents.errors import ProviderDown
from agents.messages import Done, Prompt
from agents.providers.failure import failure
from agents.providers.vendor_usage import read_reading
from metering.usage import UsageAbsurd

PATH = "/embeddings"
MOST_DIMENSIONS = 16_384  # no model that is sold has half as many
# Above this a body is read in a thread, row by row, so that the event loop gets its turns in between.
SMALL_BODY_BYTES = 32 << 10

_NULL = Raw(b"null")
_FLOAT_BYTES = 4


class Request(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of a request."""

    model: str
    input: Sequence[str]
    encoding_format: str | None = None
    user: str | None = None


class Row(Struct, gc=False):
    """The vector of one text: numbers, or their float32 bytes in base64."""

    embedding: Raw = _NULL
    index: int | None = None


class Embeddings(Struct, gc=False):
    """A whole answer; `usage` stays JSON, so that an absurd one never breaks an answer."""

    data: list[Row] | None = None
    usage: Raw = _NULL
    error: Raw = _NULL


_encode = Encoder().encode
_decode = Decoder(Embeddings).decode
_decode_vector = Decoder(str | list[float]).decode


def ask_in_base64(prompt: Prompt) -> bytes:
    """Return the prompt as a body for the many servers that answer in base64, a quarter as long as numbers."""
    texts = [message.content for message in prompt.messages]
    return _encode(Request(model=prompt.model.upstream, input=texts, encoding_format="base64", user=prompt.user))


def ask_in_numbers(prompt: Prompt) -> bytes:
    """Return the prompt as a body that says nothing of the form of the answer, nor of the user."""
    return _encode(Request(model=prompt.model.upstream, input=[message.content for message in prompt.messages]))


async def read_vectors(body: bytes, texts: int) -> Done:
    """Return the vectors of an answer to that many texts, in their order.

    Raises:
        ProviderDown: It is not an answer, or has not exactly one finite vector for each text, all of one length.

    """
    if len(body) <= SMALL_BODY_BYTES:
        return _read(body, texts)
    return await asyncio.to_thread(_read, body, texts)


def _read(body: bytes, texts: int) -> Done:
    try:
        answer = _decode(body)
        if answer.error != _NULL:
            raise failure(ProviderDown, "error_object")
        vectors = tuple(_vector(row.embedding) for row in _in_order(answer.data or [], texts))
    except (ValueError, OverflowError, RecursionError):
        raise failure(ProviderDown, "malformed", accepted=True) from None
    if len({len(vector) for vector in vectors}) != 1:
        raise failure(ProviderDown, "malformed", accepted=True)
    return _done(answer.usage, vectors)


def _in_order(rows: list[Row], texts: int) -> list[Row]:
    """Sort rows by the index of their text; a server that numbers none has kept the order."""
    if all(row.index is None for row in rows) and len(rows) == texts:
        return rows
    by_index = {row.index: row for row in rows}
    if len(rows) != texts or by_index.keys() != set(range(texts)):
        raise ValueError("not one vector for each text")
    return [by_index[index] for index in range(texts)]


def _vector(raw: Raw) -> bytes:
    told = _decode_vector(raw)
    vector = base64.b64decode(told, validate=True) if isinstance(told, str) else struct.pack(f"<{len(told)}f", *told)
    dimensions, rest = divmod(len(vector), _FLOAT_BYTES)
    if rest or not 0 < dimensions <= MOST_DIMENSIONS:
        raise ValueError("no vector of float32")
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    # A sum of so few float32 cannot overflow a double: it is finite exactly when each of them is.
    if not math.isfinite(sum(numbers)):
        raise ValueError("a vector is not finite")
    return vector


def _done(usage: Raw, vectors: tuple[bytes, ...]) -> Done:
    if usage == _NULL:
        return Done(vectors=vectors)
    try:
        return Done(usage=read_reading(usage), vectors=vectors)
    except UsageAbsurd as absurd:
        return Done(usage_refused=str(absurd), vectors=vectors)
