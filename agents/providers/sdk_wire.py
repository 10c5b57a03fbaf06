"""The HTTP client that vendors' SDKs are given: what they ask goes through our own transport, with its limits."""

import asyncio
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from functools import cache
from typing import cast

import httpx2

from agents.audio.clip import Clip
from agents.errors import ProviderDown, ProviderError
from agents.messages import Message, Prompt
from agents.providers.audio import Sdk
from agents.providers.failure import failure, refusal
from agents.providers.transport import Transport
from pricing_tables.model import CarbonUnknown, Kind, Model

# Where requests go is the transport's matter: no SDK, setting or redirect can send the key or a recording elsewhere.
NOWHERE = "http://provider.invalid"
NO_KEY = "none"  # the SDKs insist on one; the transport sends its own, or none

MOST_TRANSCRIPT_BYTES = 2 << 20  # an hour of speech with a time for each word has half as many
MOST_SOUND_BYTES = 32 << 20  # five minutes, which no vendor's longest text takes, at 24 kHz and in base64

_SUCCESS = range(200, 300)
_SPEECH = "/audio/speech"


class Wire(httpx2.AsyncBaseTransport):
    """Carries the requests of an SDK.

    An answer other than 2xx never reaches the SDK: it is raised as the error that it is for every other call, so the
    SDK can neither try again nor follow it. Of its headers only the type of the body goes out, so none that it makes
    of the environment does.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return its answer, whole.

        Raises:
            ProviderError: One of its kinds.

        """
        path = "/audio/" + request.url.path.partition("/audio/")[2]
        size = int(request.headers["content-length"])
        body = cast("AsyncIterable[bytes]", request.stream)
        answer = await self._transport.upload(path, request.headers["content-type"], size, body)
        try:
            if answer.status not in _SUCCESS:
                answer.finish()
                raise refusal(answer.status, answer.retry_after)
            content = await answer.body(MOST_SOUND_BYTES if path == _SPEECH else MOST_TRANSCRIPT_BYTES)
            headers = {"content-type": _plain(answer.media_type), "x-busy-seconds": _ascii(answer.busy)}
            return httpx2.Response(answer.status, headers=headers, content=content)
        finally:
            answer.close()


def _plain(media_type: str) -> str:
    """Return a media type without its parameters but for the rate of samples: SDKs decode by a `charset`, or fail."""
    kind, *options = _ascii(media_type).split(";")
    return ";".join([kind, *(option for option in options if option.strip().lower().startswith("rate="))])


def _ascii(header: str) -> str:
    """Return a header without what clients refuse to see in one."""
    return header.encode("ascii", "ignore").decode()


class Nobody(httpx2.AsyncBaseTransport):
    """Answers everything with an empty transcript."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer."""
        return httpx2.Response(200, json={"text": "", "model": "", "usage": {}, "language": None}, request=request)


def client(wire: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    """Return the client to give to an SDK; no proxy, key or certificate of the environment is looked at."""
    return httpx2.AsyncClient(transport=wire, trust_env=False, follow_redirects=False, timeout=None)


@cache
def rehearse(sdk: Callable[[httpx2.AsyncClient], Sdk]) -> None:
    """Ask nobody once, in this thread and on a loop of its own.

    With their first call SDKs build what they read answers with: up to 60 ms that the loop of the gateway has not.
    """
    asyncio.run(_rehearse(sdk(client(Nobody()))))


async def _rehearse(sdk: Sdk) -> None:
    with suppress(ProviderError):
        await sdk.hear(Prompt(_model("transcription"), (), clip=Clip(b"", 0, 0)))
    with suppress(ProviderError):
        await sdk.say(Prompt(_model("speech"), (Message("user", ""),)))
    await sdk.aclose()


def _model(kind: Kind) -> Model:
    return Model(
        name="",
        provider="",
        upstream="",
        canonical="",
        context_window=0,
        description="",
        prices=(),
        carbon=CarbonUnknown(),
        kind=kind,
    )


def malformed() -> ProviderDown:
    """Return the error of an answer that is none; its tokens are owed."""
    return failure(ProviderDown, "malformed", accepted=True)
