"""The child's OpenAI surface as an ASGI application, for the one gateway that holds its key."""

import base64
import hmac
import sys
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from agents.local import audio_surface, embeddings, hearing, speaking
from agents.local.answering import Refused, answer, body_of, decoded, refusal, start, while_wanted, write
from agents.local.embeddings import Embedded, Embeddings
from agents.local.engine import Engine
from agents.local.errors import EngineFailed, TextsRefused
from agents.local.hearing import Hearing
from agents.local.speaking import Speaking
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


class Served(Struct, frozen=True):
    """What is served here; None where it is not. `name` is the chat model's."""

    name: str = ""
    engine: Engine | None = None
    encoder: Embeddings | None = None
    hearing: Hearing | None = None
    speaking: Speaking | None = None

    @property
    def names(self) -> list[str]:
        """The models, by the names that the catalogue has for them."""
        served = {
            self.name: self.engine,
            embeddings.MODEL: self.encoder,
            hearing.MODEL: self.hearing,
            speaking.MODEL: self.speaking,
        }
        return [name for name, model in served.items() if model is not None]


class Surface:
    """The ASGI application: who may ask, what is asked, and the shape of the answer; who has `key` may ask."""

    def __init__(self, key: str, served: Served) -> None:
        self._credential = f"Bearer {key}".encode()
        self._served = served
        self._name = served.name

    async def __call__(self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        """Answer one request; a client that leaves stops its call."""
        if scope["type"] != "http":
            return
        try:
            self._admit(scope)
            await self._route(scope, receive, send)
        except Refused as refused:
            await answer(send, refused.status, refused.answer)

    def _admit(self, scope: "HTTPScope") -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, self._credential):
            raise refusal(401, "a bearer key is needed", "invalid_api_key")

    async def _route(self, scope: "HTTPScope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        served = self._served
        match scope["method"], scope["path"]:
            case "GET", "/health":
                await answer(send, 200, Health())
            case "GET", "/v1/models":
                await answer(send, 200, ModelList([ModelRow(name) for name in served.names]))
            case "POST", "/v1/chat/completions" if served.engine is not None:
                asked = self._decode(await body_of(receive))
                await while_wanted(receive, partial(self._chat, served.engine, asked, send))
            case "POST", "/v1/tokens" if served.engine is not None:
                await self._count(served.engine, decoded(await body_of(receive), TokensRequest), send)
            case "POST", "/v1/embeddings" if served.encoder is not None:
                texts = _decode_texts(await body_of(receive))
                await while_wanted(receive, partial(self._embed, served.encoder, texts, send))
            case "POST", "/v1/audio/transcriptions" if served.hearing is not None:
                await audio_surface.transcribe(served.hearing, scope, receive, send)
            case "POST", "/v1/audio/speech" if served.speaking is not None:
                await audio_surface.speak(served.speaking, receive, send)
            case _:
                raise refusal(404, "no such route", "not_found")

    async def _count(self, engine: Engine, asked: TokensRequest, send: "ASGISendCallable") -> None:
        try:
            await answer(send, 200, TokensAnswer(await engine.count(asked.messages)))
        except EngineFailed as cause:
            raise _engine_refusal(EngineError(503, str(cause))) from cause

    async def _embed(self, encoder: Embeddings, asked: EmbeddingsRequest, send: "ASGISendCallable") -> None:
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        try:
            embedded = await encoder.embed(texts)
        except TextsRefused as cause:
            raise refusal(400, str(cause)) from cause
        await answer(send, 200, _vectors(embedded, asked))

    def _decode(self, body: bytes) -> ChatRequest:
        asked = decoded(body, ChatRequest)
        if asked.model not in {None, self._name}:
            raise refusal(404, f"the model served here is {self._name}", "model_not_found")
        return asked

    async def _chat(self, engine: Engine, asked: ChatRequest, send: "ASGISendCallable") -> None:
        async with aclosing(engine.stream(engine_request(asked))) as pieces:
            first = await anext(pieces)
            if first.error is not None:
                raise _engine_refusal(first.error)
            if asked.stream:
                await self._stream(asked, pieces, send)
            else:
                await answer(send, 200, await self._whole(pieces))

    async def _stream(self, asked: ChatRequest, pieces: AsyncGenerator[Piece, None], send: "ASGISendCallable") -> None:
        wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
        await start(send, 200, b"text/event-stream")
        async for piece in pieces:
            if piece.error is not None:
                await write(send, _event(error_answer(piece.error)), more=False)
                return
            if piece.prompt_progress is None and (wants_usage or piece.usage is None):
                await write(send, _event(self._chunk(piece)), more=True)
        await write(send, b"data: [DONE]\n\n", more=False)

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


def _engine_refusal(error: EngineError) -> Refused:
    return Refused(error.code, error_answer(error))


def _event(data: msgspec.Struct) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def _decode_texts(body: bytes) -> EmbeddingsRequest:
    asked = decoded(body, EmbeddingsRequest)
    if asked.model not in {None, embeddings.MODEL}:
        raise refusal(404, f"the embeddings model served here is {embeddings.MODEL}", "model_not_found")
    if asked.dimensions not in {None, embeddings.DIMENSIONS}:
        raise refusal(400, f"its vectors have {embeddings.DIMENSIONS} dimensions, no others")
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
