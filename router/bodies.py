"""Bodies of the administration: decoded from their own bytes, so that a number keeps its digits, refused in English."""

import re
from typing import Any, TypeVar

import msgspec
from litestar import Request

from router.decoding import LONGEST_ECHO, require_json
from router.errors import Refused

T = TypeVar("T")

WHERE = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
FIELD = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>[^`]*)`")


async def decoded(request: Request[Any, Any, Any], decoder: msgspec.json.Decoder[T]) -> T:
    """Decode the body of a request.

    Raises:
        Refused: `invalid_request`, naming the field; `unsupported_media_type`.

    """
    require_json(request.scope["headers"])
    try:
        return decoder.decode(await request.body())
    except msgspec.ValidationError as cause:
        raise _fault(str(cause)) from cause
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise Refused("invalid_request", "the body is not valid JSON", param="body") from cause


def _fault(text: str) -> Refused:
    at = WHERE.search(text)
    path = at["path"] if at else ""
    text = text[: at.start()] if at else text
    field = FIELD.match(text)
    names = [name[:LONGEST_ECHO] for name in (path, field["name"] if field else "") if name]
    where = ".".join(names) or "body"
    return Refused("invalid_request", f"{where}: {text[: 4 * LONGEST_ECHO]}", param=where)
