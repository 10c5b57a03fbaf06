"""How the child's routes answer: JSON, errors in OpenAI's shape, and no longer than somebody waits."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec

from agents.local.wire import ErrorAnswer, ErrorBody

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

MOST_BODY_BYTES = 4_000_000
T = TypeVar("T")


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, answer: ErrorAnswer) -> None:
        super().__init__(status)
        self.status = status
        self.answer = answer


def refusal(status: int, message: str, code: str | None = None) -> Refused:
    """Return the refusal of a request that is the client's own fault."""
    return Refused(status, ErrorAnswer(ErrorBody(message, "invalid_request_error", None, code)))


def decoded(body: bytes, shape: type[T]) -> T:
    """Decode a JSON body.

    Raises:
        Refused: It is not of this shape.

    """
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as cause:
        raise refusal(400, str(cause)) from cause


async def while_wanted(receive: "ASGIReceiveCallable", work: Callable[[], Awaitable[None]]) -> None:
    """Do some work, and leave it where the client leaves.

    Raises:
        Refused: As the work does, not wrapped by the task group.

    """
    refused: Refused | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_when_gone, receive, tasks.cancel_scope)
        try:
            await work()
        except Refused as cause:
            refused = cause
        tasks.cancel_scope.cancel()
    if refused is not None:
        raise refused


async def body_of(receive: "ASGIReceiveCallable", most: int = MOST_BODY_BYTES) -> bytes:
    """Read a whole body of at most so many bytes.

    Raises:
        Refused: It is longer, or broke off.

    """
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise refusal(400, "the request broke off")
        body += message["body"]
        more = message["more_body"]
        if len(body) > most:
            raise refusal(413, "the body is too large")
    return bytes(body)


async def _cancel_when_gone(receive: "ASGIReceiveCallable", scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def answer(send: "ASGISendCallable", status: int, data: msgspec.Struct) -> None:
    """Answer with JSON."""
    await start(send, status, b"application/json")
    await write(send, msgspec.json.encode(data), more=False)


async def start(send: "ASGISendCallable", status: int, content_type: bytes, *headers: tuple[bytes, bytes]) -> None:
    """Start an answer."""
    told = [(b"content-type", content_type), (b"cache-control", b"no-store"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told, "trailers": False})


async def write(send: "ASGISendCallable", body: bytes, *, more: bool) -> None:
    """Write a piece of the body, the last one unless there is more."""
    await send({"type": "http.response.body", "body": body, "more_body": more})
