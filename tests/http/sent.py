"""Recordings as callers send them, and what a gateway has of them on its disk."""

import os
from collections.abc import Iterable
from typing import Any

import requests

from tests.gateway import Gateway
from tests.http.accounts import Caller

PATH = "/transcription"
TYPE = "multipart/form-data; boundary=X"
HEAD = b'Content-Disposition: form-data; name="file"; filename="a.wav"'


def send(
    caller: Caller,
    content: bytes,
    *,
    name: str | None = "audio.mp3",
    kind: str | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    path: str = PATH,
    **fields: str,
) -> requests.Response:
    """Send a recording as a form, as `requests` writes it: the fields before the file."""
    file: Any = (name, content) if kind is None else (name, content, kind)
    own = {} if caller.credential is None else {"Authorization": f"Bearer {caller.credential}"}
    url = caller.gateway.url + path
    return requests.post(
        url, files={"file": file}, data=fields, params=query, headers=own | (headers or {}), timeout=60
    )


def post(
    caller: Caller, body: bytes | Iterable[bytes], content_type: str | None = TYPE, path: str = PATH
) -> requests.Response:
    """Send these very bytes, or what an iterator yields of them, in chunks then."""
    headers = {"Authorization": f"Bearer {caller.credential}"}
    headers |= {} if content_type is None else {"Content-Type": content_type}
    return requests.post(caller.gateway.url + path, data=body, headers=headers, timeout=60)


def files_left(gateway: Gateway) -> list[str]:
    """Return what a gateway keeps of recordings, which is nothing once they are heard."""
    # Folders may go while they are looked at.
    return [name for _, _, names in os.walk(gateway.folder / "data" / "heard") for name in names]
