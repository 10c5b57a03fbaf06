"""The vendors' audio endpoints, strict: `with Upstream() as upstream`, then `upstream.audio`.

What is transcribed is told by a queue: each `upstream.audio.expect(text=…, language="en", segments=…)` answers one
request, in the order in which they come, or, with `frames=…`, the next clip of just that many frames of 16 kHz. Parts
that are transcribed at once have an order of their own: set `upstream.audio.hear` to a function of the `Heard`
(`.pcm`, `.frames`, `.seconds`, `.one("language")`) that returns a `Reply`. Without either, a clip of 2 s has the
transcript "2.000 seconds.". What is spoken is told by the same queue (`pcm=…`), else it is a tone of 0.05 s for each
character of the text.

A `Reply` can also fail: `status` and `headers`, `body` as it is, `held` until `upstream.audio.release(reply)`, `cut`
halfway. `upstream.audio.heard` (transcriptions) and `.said` (speeches) are the requests that came, refused ones too;
`dropped` is set, and `dropped_at`, in each that its client left.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.upstream_audio_rules import Heard, Reply, read_form, refused_form, refused_text, sound, transcript

Make = Callable[[Heard, Reply], tuple[str, bytes]]


class UpstreamAudio:
    """Both vendors' audio endpoints, on the loop of the server."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.heard: list[Heard] = []
        self.said: list[Heard] = []
        self.hear: Callable[[Heard], Reply] | None = None
        self._queue: list[Reply] = []
        self._loop = loop

    def expect(self, **reply: Any) -> Reply:
        """Have the next request, or the next of so many `frames`, answered so."""
        self._queue.append(Reply(**reply))
        return self._queue[-1]

    def release(self, reply: Reply) -> None:
        """Let a held reply go on."""
        self._loop.call_soon_threadsafe(reply.released.set)

    def forget(self) -> None:
        """Take back what was expected and has not come."""
        self._queue.clear()

    def add_to(self, app: web.Application) -> None:
        for vendor in ("openai", "mistral"):
            app.router.add_post(f"/{vendor}/v1/audio/transcriptions", self._transcribe)
            app.router.add_post(f"/{vendor}/v1/audio/speech", self._speak)

    def _next(self, asked: Heard) -> Reply:
        frames = asked.frames if asked.wav else None
        for reply in self._queue:
            if reply.frames in {None, frames}:
                self._queue.remove(reply)
                return reply
        return self.hear(asked) if self.hear is not None and asked.wav else Reply()

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        heard = Heard(request.path, {name.lower(): value for name, value in request.headers.items()})
        read_form(heard, await request.read())
        self.heard.append(heard)
        refused = refused_form(heard)
        return await self._answer(request, heard, transcript) if refused is None else refused

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        said = Heard(request.path, {name.lower(): value for name, value in request.headers.items()})
        said.fields = {name: [str(value)] for name, value in json.loads(await request.read()).items()}
        self.said.append(said)
        refused = refused_text(said)
        return await self._answer(request, said, sound) if refused is None else refused

    async def _answer(self, request: web.Request, asked: Heard, make: Make) -> web.StreamResponse:
        reply = self._next(asked)
        asked.answering.set()
        try:
            if reply.held:
                await reply.released.wait()
            kind, body = make(asked, reply) if reply.body is None else ("application/json", reply.body)
            if reply.status != 200:
                return web.Response(status=reply.status, body=reply.body or b"", headers=reply.headers)
            headers = {"Content-Type": kind} | reply.headers
            if not reply.cut:
                return web.Response(body=body, headers=headers)
            response = web.StreamResponse(headers=headers | {"Content-Length": str(len(body))})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            asked.dropped_at = time.monotonic()
            asked.dropped.set()
            raise
        return response
