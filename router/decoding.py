"""From the bytes of a request to a closed Struct, or to an error that names the field and the mend."""

import asyncio
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from metering.middleware import Receive
from router.errors import Refused
from router.words import FRENCH, Words

T = TypeVar("T")

BODY_WITHIN_S = 30.0
PATH = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`", re.DOTALL)
MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")
NOT_ALLOWED = re.compile(r"^Invalid enum value ")
WRONG_TYPE = re.compile(r"^Expected `(?P<wanted>[^`]*)`, got `(?P<got>[^`]*)`")
LONGEST_LENGTH = 19  # digits of a Content-Length, which is refused before it is read as a number
LONGEST_ECHO = 64  # characters of the caller's own text that an error repeats


class ClientGone(Exception):
    """The client left before its request was whole."""


async def read_body(
    receive: Receive, headers: Iterable[tuple[bytes, bytes]], limit: int, words: Words = FRENCH
) -> bytes:
    """Return the whole body.

    Args:
        receive: The ASGI channel.
        headers: Of the request; a declared length over the limit is refused before a byte is read.
        limit: Most bytes.
        words: Say so when there are more.

    Raises:
        Refused: `body_too_large`, `request_timeout`.
        ClientGone: The client left.

    """
    check_length(headers, limit, words)
    message: Any = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _rest(receive, body, limit, words)
        except TimeoutError as cause:
            raise Refused("request_timeout") from cause
    elif message["type"] == "http.disconnect":
        raise ClientGone
    if len(body) > limit:
        raise too_large(limit, words)
    return body


async def _rest(receive: Receive, first: bytes, limit: int, words: Words) -> bytes:
    body = bytearray(first)
    more = True
    while more:
        if len(body) > limit:
            raise too_large(limit, words)
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def check_length(headers: Iterable[tuple[bytes, bytes]], limit: int, words: Words = FRENCH) -> None:
    """Refuse a body whose declared length is over the limit, before a byte is read.

    Raises:
        Refused: `body_too_large`.

    """
    for name, value in headers:
        if name == b"content-length" and (not value.isdigit() or len(value) > LONGEST_LENGTH or int(value) > limit):
            raise too_large(limit, words)


def too_large(limit: int, words: Words = FRENCH) -> Refused:
    """Return the refusal of a body of more than so many bytes."""
    return Refused("body_too_large", words.at_most.format(limit=limit))


def require_json(headers: Iterable[tuple[bytes, bytes]], words: Words = FRENCH) -> None:
    """Refuse a body that is not declared as JSON.

    Raises:
        Refused: `unsupported_media_type`.

    """
    if not any(is_json(value) for name, value in headers if name == b"content-type"):
        raise Refused("unsupported_media_type", words.send_json, param="Content-Type", source="header")


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type says JSON."""
    media = content_type.partition(b";")[0].strip().lower()
    return media == b"application/json" or (media.startswith(b"application/") and media.endswith(b"+json"))


def decode(decoder: msgspec.json.Decoder[T], body: bytes, words: Words = FRENCH) -> T:
    """Decode a JSON body.

    Raises:
        Refused: `invalid_request`, naming the field.

    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as cause:
        raise _fault(str(cause), words) from cause
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise Refused("invalid_request", words.no_json, param="body") from cause
    except RecursionError as cause:
        raise Refused("invalid_request", words.too_deep, param="body") from cause


def _fault(text: str, words: Words) -> Refused:
    at = PATH.search(text)
    path = at["path"] if at else ""
    text = text[: at.start()] if at else text
    for pattern, reason in ((UNKNOWN, words.unknown), (MISSING, words.missing)):
        found = pattern.match(text)
        if found:
            name = found["name"][:LONGEST_ECHO]
            return Refused("invalid_request", reason.format(name=name), param=_join(path, name))
    subject = path or words.whole
    found = WRONG_TYPE.match(text)
    if found:
        kinds = [kind.strip() for kind in found["wanted"].split("|")]
        wanted = words.either.join(words.types.get(kind, kind) for kind in kinds)
        reason = words.wrong_type.format(subject=subject, wanted=wanted)
    elif NOT_ALLOWED.match(text):
        reason = words.not_allowed.format(subject=subject)
    else:
        reason = words.out_of_bounds.format(subject=subject, told=text[:LONGEST_ECHO])
    return Refused("invalid_request", reason, param=path or "body")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
