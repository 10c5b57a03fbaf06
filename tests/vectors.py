"""A small server of embeddings that answers as it is told, and remembers what it was asked."""

import base64
import json
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Say = Callable[[dict[str, Any]], web.StreamResponse | bytes | dict[str, Any]]


def numbers(text: str, dimensions: int = 4) -> list[float]:
    """Return the vector of a text: float32 exactly, told apart by its length."""
    return [len(text) / 8, -1.5, *[0.25] * (dimensions - 2)]


def vector(text: str, dimensions: int = 4) -> bytes:
    return struct.pack(f"<{dimensions}f", *numbers(text, dimensions))


def rows(texts: Sequence[str], dimensions: int = 4, *, in_base64: bool = False) -> list[dict[str, Any]]:
    def told(text: str) -> str | list[float]:
        return base64.b64encode(vector(text, dimensions)).decode() if in_base64 else numbers(text, dimensions)

    return [{"object": "embedding", "index": index, "embedding": told(text)} for index, text in enumerate(texts)]


def honest(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer as the vendors do: in base64 where it is asked for."""
    data = rows(asked["input"], in_base64=asked.get("encoding_format") == "base64")
    read = 3 * len(asked["input"])
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": data, "model": asked["model"], "usage": usage}


class VectorServer:
    """The server; each call is answered by the next of `says`, the last one for ever."""

    def __init__(self, *says: Say) -> None:
        self.asked: list[dict[str, Any]] = []
        self.base_url = ""
        self.says = list(says) or [honest]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/embeddings", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        say = self.says[min(len(self.asked), len(self.says) - 1)]
        self.asked.append(asked)
        said = say(asked)
        if isinstance(said, web.StreamResponse):
            return said
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return web.Response(body=body, content_type="application/json")
