"""The child's OpenAI surface as an ASGI application, for the one gateway that holds its key."""

import hmac
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import msgspec

from agents.local.engine import Engine
from agents.local.wire import (
    Answer,
    AnswerChoice,
    AnswerMessage,
    ChatRequest,
    Chunk,
    EngineError,
    ErrorAnswer,
    ErrorBody,
    Health,
    ModelList,
    ModelRow,
    Piece,
    engine_request,
    error_answer,
)

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

MOST_BODY_BYTES = 4_000_000


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, answer: ErrorAnswer) -> None:
        super().__init__(status)
        self.status = status
        self.answer = answer


class Surface:
    """The ASGI application: who may ask, what is asked, and the shape of the answer."""

    def __init__(self, name: str, key: str, engine: Engine) -> None:
        self._name = name
        self._credential = f"Bearer {key}".encode()
        self._engine = engine

    async def __call__(self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        """Answer one request; a client that leaves stops its call."""
        if scope["type"] != "http":
            return
        try:
            self._admit(scope)
            await self._route(scope, receive, send)
        except Refused as refused:
            await _answer(send, refused.status, refused.answer)

    def _admit(self, scope: "HTTPScope") -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, self._credential):
            raise _refusal(401, "a bearer key is needed", "invalid_api_key")

    async def _route(self, scope: "HTTPScope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        match scope["method"], scope["path"]:
            case "GET", "/health":
                await _answer(send, 200, Health())
            case "GET", "/v1/models":
                await _answer(send, 200, ModelList([ModelRow(self._name)]))
            case "POST", "/v1/chat/completions":
                asked = self._decode(await _body(receive))
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_cancel_when_gone, receive, tasks.cancel_scope)
                    await self._chat(asked, send)
                    tasks.cancel_scope.cancel()
            case _:
                raise _refusal(404, "no such route", "not_found")

    def _decode(self, body: bytes) -> ChatRequest:
        try:
            asked = msgspec.json.decode(body, type=ChatRequest)
        except msgspec.DecodeError as cause:
            raise _refusal(400, str(cause), None) from cause
        if asked.model not in {None, self._name}:
            raise _refusal(404, f"the model served here is {self._name}", "model_not_found")
        return asked

    async def _chat(self, asked: ChatRequest, send: "ASGISendCallable") -> None:
        async with aclosing(self._engine.stream(engine_request(asked))) as pieces:
            try:
                first = await anext(pieces)
                if first.error is not None:
                    raise _engine_refusal(first.error)
                if asked.stream:
                    await self._stream(asked, pieces, send)
                else:
                    await _answer(send, 200, await self._whole(pieces))
            except Refused as refused:
                # Answered here: outside, the task group would wrap it.
                await _answer(send, refused.status, refused.answer)

    async def _stream(self, asked: ChatRequest, pieces: AsyncGenerator[Piece, None], send: "ASGISendCallable") -> None:
        wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
        await _start(send, 200, b"text/event-stream")
        async for piece in pieces:
            if piece.error is not None:
                await _write(send, _event(error_answer(piece.error)), more=False)
                return
            if piece.prompt_progress is None and (wants_usage or piece.usage is None):
                await _write(send, _event(self._chunk(piece)), more=True)
        await _write(send, b"data: [DONE]\n\n", more=False)

    def _chunk(self, piece: Piece) -> Chunk:
        usage = msgspec.UNSET if piece.usage is None else piece.usage
        return Chunk(id=piece.id, created=piece.created, model=self._name, choices=piece.choices, usage=usage)

    async def _whole(self, pieces: AsyncGenerator[Piece, None]) -> Answer:
        texts: list[str] = []
        finish_reason, last = None, Piece()
        async for piece in pieces:
            if piece.error is not None:
                raise _engine_refusal(piece.error)
            last = piece
            for choice in piece.choices:
                texts.append(choice.delta.content or "")
                finish_reason = choice.finish_reason or finish_reason
        choice = AnswerChoice(0, AnswerMessage("assistant", "".join(texts)), finish_reason)
        return Answer(id=last.id, created=last.created, model=self._name, choices=(choice,), usage=last.usage)


def _refusal(status: int, message: str, code: str | None) -> Refused:
    return Refused(status, ErrorAnswer(ErrorBody(message, "invalid_request_error", None, code)))


def _engine_refusal(error: EngineError) -> Refused:
    return Refused(error.code, error_answer(error))


def _event(data: msgspec.Struct) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


async def _body(receive: "ASGIReceiveCallable") -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _refusal(400, "the request broke off", None)
        body += message["body"]
        more = message["more_body"]
        if len(body) > MOST_BODY_BYTES:
            raise _refusal(413, "the body is too large", None)
    return bytes(body)


async def _cancel_when_gone(receive: "ASGIReceiveCallable", scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _answer(send: "ASGISendCallable", status: int, data: msgspec.Struct) -> None:
    await _start(send, status, b"application/json")
    await _write(send, msgspec.json.encode(data), more=False)


async def _start(send: "ASGISendCallable", status: int, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})


async def _write(send: "ASGISendCallable", body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
