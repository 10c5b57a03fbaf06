"""Embeddings that anyone can recompute: a bag of hashed words, so that texts that share words are near each other."""

import base64
import json
import re
import struct
import unicodedata
import zlib
from typing import Any

from aiohttp import web

DIMENSIONS = 256
SHORTEST_WORD = 3
MOST_TEXTS = 2048  # of one request, as OpenAI has it
FIELDS = {"model", "input", "encoding_format", "dimensions", "user"}
WORD = re.compile(r"\w+")


def bag(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return the vector of a text, of length one; a text without a word has one as well."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(each))
    counts = [0.0] * dimensions
    for word in WORD.findall(plain):
        if len(word) >= SHORTEST_WORD:
            counts[zlib.crc32(word.encode()) % dimensions] += 1.0
    length = sum(count * count for count in counts) ** 0.5
    if not length:
        counts[0] = length = 1.0
    return [count / length for count in counts]


def packed(text: str) -> bytes:
    """Return the vector of a text as the gateway stores it: float32, little endian."""
    return struct.pack(f"<{DIMENSIONS}f", *bag(text))


def embeddings(body: dict[str, Any]) -> web.Response:
    """Answer as the vendors do, strict about the request."""
    asked = body.get("input")
    texts = [asked] if isinstance(asked, str) else asked
    if unknown := set(body) - FIELDS:
        return _refused(f"Unrecognized request argument supplied: {', '.join(sorted(unknown))}")
    if not texts or len(texts) > MOST_TEXTS or not all(isinstance(text, str) and text for text in texts):
        return _refused("'$.input' is invalid.")
    dimensions = body.get("dimensions", DIMENSIONS)
    rows = [
        {"object": "embedding", "index": at, "embedding": _shown(bag(text, dimensions), body)}
        for at, text in enumerate(texts)
    ]
    read = sum(len(WORD.findall(text)) for text in texts)
    usage = {"prompt_tokens": read, "total_tokens": read}
    answer = {"object": "list", "data": rows, "model": body["model"], "usage": usage}
    return web.Response(body=json.dumps(answer).encode(), content_type="application/json")


def _shown(vector: list[float], body: dict[str, Any]) -> object:
    if body.get("encoding_format") != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _refused(message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=400)
