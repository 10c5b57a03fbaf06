"""A prompt run from the command line, by the gateway that serves with the same settings."""

import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import msgspec

from router.process import refuse
from router.settings import Settings
from router.tenancy import tokens_of

PATH = "/api/v1/run"
TIMEOUT_S = 40  # a little more than the gateway takes at most (3.1.6)
TOKEN_S = 60
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what it may be bound to, not what is bound
_DATA = b"data: "


def run_whole(settings: Settings, key: str | None, body: dict[str, Any]) -> dict[str, Any]:
    """Return the gateway's answer, or say on stderr why there is none and exit with status 2."""
    with _opened(settings, key, body | {"stream": False}) as response:
        return _succeeded(_read(response))


def run_streamed(settings: Settings, key: str | None, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of the gateway's answer as they come; the last one is `done`."""
    ended = False
    with _opened(settings, key, body | {"stream": True}) as response:
        for line in _lines(response):
            if line.startswith(_DATA):
                event = _succeeded(_decoded(line.removeprefix(_DATA)))
                ended = bool(event.get("done"))
                yield event
    if not ended:
        refuse(["the answer was cut off"])


def _opened(settings: Settings, key: str | None, body: dict[str, Any]) -> closing[http.client.HTTPResponse]:
    base = _base(settings)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_credential(settings, key)}"}
    request = urllib.request.Request(base + PATH, msgspec.json.encode(body), headers)  # noqa: S310 - http, from the settings
    # The gateway is on this machine: what proxies the environment names are not for it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return closing(cast("http.client.HTTPResponse", opener.open(request, timeout=TIMEOUT_S)))
    except urllib.error.HTTPError as refusal:
        with refusal:
            refuse([_reason(_decoded(refusal.read())) or f"the gateway answered {refusal.code}"])
    except (OSError, http.client.HTTPException) as cause:
        refuse([f"no gateway answers at {base}: {cause}; start it with `router serve`"])


def _base(settings: Settings) -> str:
    host = _EVERY_ADDRESS.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _credential(settings: Settings, key: str | None) -> str:
    if key is None:
        return tokens_of(settings).issue("command line", TOKEN_S)
    found = sys.stdin.readline().strip() if key == "-" else key
    if not (found.isascii() and found.isprintable()) or not found:
        refuse(["--key: this can be no key"])
    return found


def _read(response: http.client.HTTPResponse) -> dict[str, Any]:
    return _decoded(b"".join(_lines(response)))


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        yield from response
    except (OSError, http.client.HTTPException) as cause:
        refuse([f"the answer was cut off: {cause}"])


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        refuse(["what answers there is no gateway of this kind"])


def _succeeded(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("success") is not True:
        refuse([_reason(answer) or "the run failed"])
    return answer


def _reason(answer: dict[str, Any]) -> str:
    """Return the sentence of a refusal, in the family of this route or of what stands before it."""
    error = answer.get("error")
    return str(error) if isinstance(error, str) else str(answer.get("detail", ""))
