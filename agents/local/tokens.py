"""Tokens of a conversation as the chat engine counts them: asked of the server that the library opens for itself."""

from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from agents.local.errors import EngineFailed
from agents.local.wire import Turn

WITHIN_S = 10.0
_OK = 200


class Templated(Struct, frozen=True):
    """A conversation as the text that the model reads."""

    prompt: str


class Cut(Struct, frozen=True):
    """Its tokens."""

    tokens: list[int]


class TextToCut(Struct, frozen=True):
    """A text that is cut as the engine cuts a prompt."""

    content: str
    add_special: bool = True
    parse_special: bool = True


def count_tokens(address: str, key: str, messages: Sequence[Turn]) -> int:
    """Return how many tokens the conversation has.

    Raises:
        EngineFailed: No answer, or none that can be read.

    """
    try:
        with closing(HTTPConnection(urlsplit(address).netloc, timeout=WITHIN_S)) as connection:
            templated = _asked(connection, key, "/apply-template", msgspec.json.encode({"messages": messages}))
            prompt = msgspec.json.decode(templated, type=Templated).prompt
            cut = _asked(connection, key, "/tokenize", msgspec.json.encode(TextToCut(prompt)))
            return len(msgspec.json.decode(cut, type=Cut).tokens)
    except (OSError, HTTPException, ValueError) as cause:
        raise EngineFailed("the tokens could not be counted") from cause


def _asked(connection: HTTPConnection, key: str, path: str, body: bytes) -> bytes:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != _OK:
        raise EngineFailed(f"the engine answers {path} with {answer.status}")
    return told
