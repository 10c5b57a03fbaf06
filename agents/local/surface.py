"""The child's OpenAI surface as an ASGI application, for the one gateway that holds its key."""

import base64
import hmac
import sys
from array import array
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec

from agents.local import embeddings
from agents.local.embeddings import Embedded, Embeddings
from agents.local.engine import Engine
from agents.local.errors import EngineFailed, TextsRefused
from agents.local.wire import (
    Answer,
    AnswerChoice,
    AnswerMessage,
    ChatRequest,
    Chunk,
    EmbeddingRow,
    EmbeddingsAnswer,
    EmbeddingsRequest,
    EmbeddingsUsage,
    EngineError,
    ErrorAnswer,
    ErrorBody,
    Health,
    ModelList,
    ModelRow,
    Piece,
    TokensAnswer,
    TokensRequest,
    engine_request,
    error_answer,
)

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

MOST_BODY_BYTES = 4_000_000
T = TypeVar("T")


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, answer: ErrorAnswer) -> None:
        super().__init__(status)
        self.status = status
        self.answer = answer


class Surface:
    """The ASGI application: who may ask, what is asked, and the shape of the answer.

    Args:
        key: Who has it may ask.
        name: Of the chat model.
        engine: Its engine; None where embeddings alone are served.
        encoder: Of the embeddings model; None where chat alone is served.

    """

    def __init__(self, key: str, name: str, engine: Engine | None, encoder: Embeddings | None) -> None:
        self._credential = f"Bearer {key}".encode()
        self._name = name
        self._engine = engine
        self._encoder = encoder

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
                await _answer(send, 200, ModelList([ModelRow(name) for name in self._names()]))
            case "POST", "/v1/chat/completions" if self._engine is not None:
                asked = self._decode(await _body(receive))
                await _while_wanted(receive, partial(self._chat, self._engine, asked, send))
            case "POST", "/v1/tokens" if self._engine is not None:
                await self._count(self._engine, _decoded(await _body(receive), TokensRequest), send)
            case "POST", "/v1/embeddings" if self._encoder is not None:
                texts = _decode_texts(await _body(receive))
                await _while_wanted(receive, partial(self._embed, self._encoder, texts, send))
            case _:
                raise _refusal(404, "no such route", "not_found")

    def _names(self) -> list[str]:
        chat = [] if self._engine is None else [self._name]
        return chat if self._encoder is None else [*chat, embeddings.MODEL]

    async def _count(self, engine: Engine, asked: TokensRequest, send: "ASGISendCallable") -> None:
        try:
            await _answer(send, 200, TokensAnswer(await engine.count(asked.messages)))
        except EngineFailed as cause:
            raise _engine_refusal(EngineError(503, str(cause))) from cause

    async def _embed(self, encoder: Embeddings, asked: EmbeddingsRequest, send: "ASGISendCallable") -> None:
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        try:
            embedded = await encoder.embed(texts)
        except TextsRefused as cause:
            # Answered here: outside, the task group would wrap it.
            refused = _refusal(400, str(cause), None)
            await _answer(send, refused.status, refused.answer)
            return
        await _answer(send, 200, _vectors(embedded, asked))

    def _decode(self, body: bytes) -> ChatRequest:
        asked = _decoded(body, ChatRequest)
        if asked.model not in {None, self._name}:
            raise _refusal(404, f"the model served here is {self._name}", "model_not_found")
        return asked

    async def _chat(self, engine: Engine, asked: ChatRequest, send: "ASGISendCallable") -> None:
        async with aclosing(engine.stream(engine_request(asked))) as pieces:
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


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as cause:
        raise _refusal(400, str(cause), None) from cause


def _decode_texts(body: bytes) -> EmbeddingsRequest:
    asked = _decoded(body, EmbeddingsRequest)
    if asked.model not in {None, embeddings.MODEL}:
        raise _refusal(404, f"the embeddings model served here is {embeddings.MODEL}", "model_not_found")
    if asked.dimensions not in {None, embeddings.DIMENSIONS}:
        raise _refusal(400, f"its vectors have {embeddings.DIMENSIONS} dimensions, no others", None)
    return asked


def _vectors(embedded: Embedded, asked: EmbeddingsRequest) -> EmbeddingsAnswer:
    told = _in_base64 if asked.encoding_format == "base64" else _in_numbers
    rows = [EmbeddingRow(index, told(vector)) for index, vector in enumerate(embedded.vectors)]
    usage = EmbeddingsUsage(embedded.tokens, embedded.tokens, embedded.busy_s)
    return EmbeddingsAnswer(data=rows, model=embeddings.MODEL, usage=usage)


def _in_base64(vector: bytes) -> str:
    return base64.b64encode(vector).decode()


def _in_numbers(vector: bytes) -> list[float]:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


async def _while_wanted(receive: "ASGIReceiveCallable", work: Callable[[], Awaitable[None]]) -> None:
    """Do some work, and leave it where the client leaves."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_when_gone, receive, tasks.cancel_scope)
        await work()
        tasks.cancel_scope.cancel()


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
