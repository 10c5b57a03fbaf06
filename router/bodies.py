"""What callers send to the cold routes: whole, bounded, closed, and refused in the language of the path."""

from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request
from litestar.datastructures import CacheControlHeader

from metering.middleware import Receive
from router.decoding import decode, read_body, require_json
from router.errors import Refused
from router.families import family_of
from router.words import ENGLISH, FRENCH

T = TypeVar("T")
MOST_BYTES = 100_000
NO_STORE = CacheControlHeader(no_store=True)  # of answers with a credential in them
LONGEST_LIMIT = 9  # digits


async def body_of(request: Request[Any, Any, Any], limit: int = MOST_BYTES) -> bytes:
    """Return the bytes of the whole body.

    Raises:
        Refused: `body_too_large`, `request_timeout`.
        ClientGone: The client left before: what it wanted is not known, so nothing is done.

    """
    words = family_of(request.scope["path"]).choose(FRENCH, ENGLISH)
    return await read_body(cast("Receive", request.receive), request.scope["headers"], limit, words)


async def sent(request: Request[Any, Any, Any], kind: type[T], limit: int = MOST_BYTES) -> T:
    """Return the JSON body as a Struct of ours; without any, the Struct's own defaults if it has them.

    Raises:
        Refused: `unsupported_media_type`, `invalid_request` naming the field, `body_too_large`, `request_timeout`.
        ClientGone: As `body_of`.

    """
    words = family_of(request.scope["path"]).choose(FRENCH, ENGLISH)
    body = await body_of(request, limit)
    if not body:
        body = b"{}"
    else:
        require_json(request.scope["headers"], words)
    return decode(_decoder(kind), body, words)


@cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


def page_limit(request: Request[Any, Any, Any], most: int, usual: int) -> int:
    """Return the query's `limit`.

    Raises:
        Refused: `invalid_request`: it is no number from 1 to `most`.

    """
    text = request.query_params.get("limit")
    if text is None:
        return usual
    # What is longer is no page size, and a number of thousands of digits is not even read.
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_LIMIT and 1 <= int(text) <= most):
        say = family_of(request.scope["path"]).choose
        reason = say(f"« limit » doit être un entier de 1 à {most}", f"'limit' must be an integer from 1 to {most}")
        raise Refused("invalid_request", reason, param="limit", source="query")
    return int(text)
