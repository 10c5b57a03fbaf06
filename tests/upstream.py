"""A vendor's end of the wire: OpenAI and Mistral, strict, scripted by the prompt's own text; its `audio` too."""

import asyncio
import itertools
import json
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.bag import embeddings
from tests.upstream_audio import UpstreamAudio

OPENAI_KEY = "sk-upstream-openai"
MISTRAL_KEY = "upstream-mistral"
KEY_IN_TEXT = re.compile(r"q\d{5}-[0-9a-f]{8}")
STORY = ("Il", " était", " une", " fois", ".")
USAGE = {"prompt_tokens": 25, "completion_tokens": 98, "total_tokens": 123}
# What each API accepts; anything else is refused as the real ones do.
SHARED = {"model", "messages", "stream", "temperature", "top_p", "max_tokens", "stop", "n", "response_format"}
SHARED |= {"metadata", "tools", "tool_choice", "frequency_penalty", "presence_penalty", "prompt_cache_key"}
OPENAI_FIELDS = SHARED | {"stream_options", "user", "seed", "max_completion_tokens", "store", "safety_identifier"}
MISTRAL_FIELDS = SHARED | {"random_seed", "safe_prompt", "prompt_mode"}


@dataclass
class Reply:
    """What the vendor does when a prompt with its key comes."""

    pieces: tuple[str, ...] = STORY
    shaped: str | None = None  # the answer when a JSON schema is asked for; none means that the vendor ignores it
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    status: int = 200
    embeds: int = 200  # the status of an embeddings call whose texts carry the key
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hold_after: int | None = None
    cut_after: int | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Seen:
    """One request the vendor got, and how its connection ended."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    answering: threading.Event = field(default_factory=threading.Event)
    dropped: threading.Event = field(default_factory=threading.Event)
    dropped_at: float | None = None
    pieces_sent: int = 0


class Upstream:
    """The server, in a thread of its own; `with Upstream() as upstream`."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self._replies: dict[str, Reply] = {}
        self._numbers = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)
        self.port = 0
        self.audio = UpstreamAudio(self._loop)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._loop.close()

    @property
    def openai_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/openai/v1"

    @property
    def mistral_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mistral/v1"

    def expect(self, **reply: object) -> str:
        """Register a reply and return the prompt that brings it."""
        key = f"q{next(self._numbers):05d}-{secrets.token_hex(4)}"
        self._replies[key] = Reply(**reply)
        return f"Question {key} ?"

    def release(self, prompt: str) -> None:
        """Let a held reply go on."""
        self._loop.call_soon_threadsafe(self._replies[_key(prompt)].released.set)

    def seen(self, prompt: str) -> list[Seen]:
        """Return the requests that carried this prompt, oldest first."""
        key = _key(prompt)
        return [seen for seen in self.requests if key in json.dumps(seen.body)]

    async def _serve(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/openai/v1/chat/completions", self._chat)
        app.router.add_post("/mistral/v1/chat/completions", self._chat)
        app.router.add_post("/openai/v1/embeddings", self._embeddings)
        app.router.add_post("/mistral/v1/embeddings", self._embeddings)
        self.audio.add_to(app)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stopping.wait()
        await runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        seen = Seen(request.path, {name.lower(): value for name, value in request.headers.items()}, body)
        self.requests.append(seen)
        openai = request.path.startswith("/openai")
        if refusal := (_refused_by_openai(seen) if openai else _refused_by_mistral(seen)):
            return refusal
        reply = self._replies.get(_key(json.dumps(body)), Reply())
        seen.answering.set()
        try:
            return await self._answer(request, seen, reply)
        except (asyncio.CancelledError, ConnectionError):
            seen.dropped_at = time.monotonic()
            seen.dropped.set()
            raise

    async def _embeddings(self, request: web.Request) -> web.Response:
        """Embed texts as bags of words."""
        body = json.loads(await request.read())
        seen = Seen(request.path, {name.lower(): value for name, value in request.headers.items()}, body)
        self.requests.append(seen)
        key = OPENAI_KEY if request.path.startswith("/openai") else MISTRAL_KEY
        if seen.headers.get("authorization") not in {f"Bearer {key}", None}:
            return web.Response(status=401)
        status = self._replies.get(_key(json.dumps(body)), Reply()).embeds
        return embeddings(body) if status == 200 else web.Response(status=status)

    async def _answer(self, request: web.Request, seen: Seen, reply: Reply) -> web.StreamResponse:
        if reply.hold_after == 0:
            await reply.released.wait()
        if reply.status != 200 or reply.body is not None:
            return web.Response(status=reply.status, body=reply.body or b"", headers=reply.headers)
        if not seen.body.get("stream"):
            return await _whole(request, seen, reply)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        async for event in _stream_events(seen, reply):
            if event is None:
                request.transport.abort()
                return response
            await response.write(b"data: " + event + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response


def _key(text: str) -> str:
    found = KEY_IN_TEXT.findall(text)
    return found[-1] if found else ""


def _refused_by_openai(seen: Seen) -> web.Response | None:
    message, code, status = "", "", 400
    if seen.headers.get("authorization") not in {f"Bearer {OPENAI_KEY}", None}:
        message, code, status = "Incorrect API key provided.", "invalid_api_key", 401
    elif unknown := set(seen.body) - OPENAI_FIELDS:
        message, code = f"Unrecognized request argument supplied: {', '.join(sorted(unknown))}", "unknown_parameter"
    elif seen.body["model"] == "gpt-3.5-turbo" and seen.body.get("response_format", {}).get("type") == "json_schema":
        message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    elif "stream_options" in seen.body and not seen.body.get("stream"):
        message, code = "stream_options is only allowed when stream is true.", "invalid_value"
    if not message:
        return None
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status)


def _refused_by_mistral(seen: Seen) -> web.Response | None:
    if seen.headers.get("authorization") != f"Bearer {MISTRAL_KEY}":
        return web.json_response({"detail": "Unauthorized"}, status=401)
    if unknown := set(seen.body) - MISTRAL_FIELDS:
        message = "Extra inputs are not permitted"
        detail = [{"type": "extra_forbidden", "loc": ["body", name], "msg": message} for name in sorted(unknown)]
        return web.json_response({"object": "error", "message": {"detail": detail}}, status=422)
    return None


def _frame(seen: Seen, kind: str) -> dict[str, Any]:
    openai = seen.path.startswith("/openai")
    dated = {"gpt-4o": "gpt-4o-2024-08-06", "gpt-3.5-turbo": "gpt-3.5-turbo-0125"} if openai else {}
    name = seen.body["model"]
    return {"id": "cmpl-1", "object": kind, "created": 1_790_000_000, "model": dated.get(name, name)}


async def _whole(request: web.Request, seen: Seen, reply: Reply) -> web.StreamResponse:
    shaped = reply.shaped if "response_format" in seen.body else None
    message = {"role": "assistant", "content": "".join(reply.pieces) if shaped is None else shaped}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    document = _frame(seen, "chat.completion") | {"choices": [choice]}
    if reply.usage is not None:
        document["usage"] = reply.usage
    whole = json.dumps(document, ensure_ascii=False).encode()
    if reply.cut_after is None:
        return web.Response(body=whole, content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    request.transport.abort()
    return response


async def _stream_events(seen: Seen, reply: Reply) -> AsyncIterator[bytes | None]:
    openai = seen.path.startswith("/openai")
    counted = bool(seen.body.get("stream_options", {}).get("include_usage")) if openai else True
    frame = _frame(seen, "chat.completion.chunk") | ({"usage": None} if openai and counted else {})
    delta: dict[str, Any] = {"role": "assistant", "content": ""}
    yield _chunk(frame, {"index": 0, "delta": delta, "finish_reason": None})
    for number, piece in enumerate(reply.pieces, start=1):
        yield _chunk(frame, {"index": 0, "delta": {"content": piece}, "finish_reason": None})
        seen.pieces_sent = number
        if reply.cut_after == number:
            yield None
        if reply.hold_after == number:
            await reply.released.wait()
    last = {"index": 0, "delta": {} if openai else {"content": ""}, "finish_reason": "stop"}
    usage = {"usage": reply.usage} if counted and reply.usage is not None else {}
    if openai:
        yield _chunk(frame, last)
        if usage:
            yield json.dumps(frame | {"choices": []} | usage).encode()
    else:
        yield json.dumps(frame | {"choices": [last]} | usage).encode()


def _chunk(frame: dict[str, Any], choice: dict[str, Any]) -> bytes:
    return json.dumps(frame | {"choices": [choice]}, ensure_ascii=False).encode()
