"""Answers that clients keep and ask about again: a strong ETag of the content, and 304 while it holds (RFC 9110)."""

import hashlib
import re
from typing import Any

from litestar import Request, Response
from msgspec import Struct

from router.framing import as_json

CACHED = "private, no-cache"  # kept by the caller alone, and asked about before each use
_OPAQUE = re.compile(r'"([^"]*)"')


def with_etag(request: Request[Any, Any, Any], view: Struct) -> Response[bytes]:
    """Return `view` as JSON with its ETag, or 304 without a body when that is what the caller has.

    Any spelling of If-None-Match counts: several headers, lists, weak tags, `*` (§13.1.2).
    """
    body = as_json(view)
    opaque = hashlib.sha256(body).hexdigest()[:32]
    headers = {"ETag": f'"{opaque}"', "Cache-Control": CACHED}
    shown = request.headers.getall("if-none-match", [])
    if any(each.strip() == "*" or opaque in _OPAQUE.findall(each) for each in shown):
        return Response(b"", status_code=304, headers=headers, media_type="")
    return Response(body, headers=headers, media_type="application/json")
