"""Many clients in one thread: each asks once, may leave in the middle, and keeps what it was told."""

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from tests.faults.crowd import Recorded, figures
from tests.gateway import Gateway, exact
from tests.wire import Answer, read

GIVE_UP_S = 60.0


@dataclass
class Ask:
    """One request as it will be sent.

    Attributes:
        fields: The body, as JSON.
        key: The credential.
        leaves_after: Seconds until the client hangs up; none to stay to the end.

    """

    fields: dict[str, Any]
    key: str
    path: str = "/completion"
    method: str = "POST"
    leaves_after: float | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def bytes_for(self, port: int) -> bytes:
        body = json.dumps(self.fields).encode() if self.method != "GET" else b""
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            f"Authorization: Bearer {self.key}",
            f"Content-Length: {len(body)}",
            "Content-Type: application/json",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Told:
    """What came of one request; `answer` is None when it broke off or the client left first."""

    ask: Ask
    began: float
    ended: float
    answer: Answer | None
    refused_connection: bool = False

    @property
    def status(self) -> int | None:
        return None if self.answer is None else self.answer.status

    @property
    def streamed(self) -> bool:
        return self.answer is not None and self.answer.headers["content-type"].startswith("text/event-stream")

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body, or the last event of a stream."""
        assert self.answer is not None
        return self.answer.events[-1] if self.streamed else exact(self.answer.chunks[0].decode())

    @property
    def code(self) -> str | None:
        """Why it failed, if it did."""
        return None if self.answer is None else self.body.get("error", {}).get("code")

    @property
    def receipt(self) -> dict[str, Any] | None:
        return None if self.answer is None else self.body.get("metadata")

    @property
    def request_id(self) -> str:
        assert self.receipt is not None
        return self.receipt["request_id"]

    @property
    def answered(self) -> bool:
        """Whether the client has a whole answer in its hands."""
        return self.status == 200 and self.receipt is not None and self.code is None


async def tell(gateway: Gateway, ask: Ask) -> Told:
    """Send one request and read until its end, or until the client leaves."""
    began = monotonic()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    except OSError:
        return Told(ask, began, monotonic(), None, refused_connection=True)
    got = bytearray()
    try:
        writer.write(ask.bytes_for(gateway.port))
        async with asyncio.timeout(GIVE_UP_S if ask.leaves_after is None else ask.leaves_after):
            while more := await reader.read(65536):
                got += more
    except TimeoutError:
        assert ask.leaves_after is not None, f"no end within {GIVE_UP_S} s: {ask.fields}"
        return Told(ask, began, monotonic(), None)
    except ConnectionError:
        return Told(ask, began, monotonic(), None)
    finally:
        writer.transport.abort()
        # What is aborted is closed a turn of the loop later.
        await asyncio.sleep(0)
    return Told(ask, began, monotonic(), parsed(bytes(got)))


def parsed(got: bytes) -> Answer | None:
    """Read a whole answer; None when it broke off."""
    with suppress(ValueError, IndexError):
        answer = read(Recorded(got))
        length = int(answer.headers.get("content-length", len(answer.chunks[0])))
        return answer if length == len(answer.chunks[0]) and answer.clean_end else None
    return None


async def tell_balanced(next_gateway: Callable[[], Gateway], ask: Ask) -> Told:
    """Send one request through the load balancer: to the next replica that listens."""
    began = monotonic()
    while True:
        told = await tell(next_gateway(), ask)
        if not told.refused_connection:
            return told
        assert monotonic() - began < GIVE_UP_S, "no replica listens"
        await asyncio.sleep(0.02)


async def tell_all(next_gateway: Callable[[], Gateway], asks: Iterable[Ask], at_once: int) -> list[Told]:
    """Send every request, at most `at_once` at a time, in order."""
    todo = iter(asks)
    done: list[Told] = []

    async def work() -> None:
        for ask in todo:
            told = await tell_balanced(next_gateway, ask)
            done.append(told)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return done


def agrees(told: Told, row: dict[str, Any]) -> bool:
    """Whether a ledger row says what its receipt says, to the digit."""
    assert told.receipt is not None
    return row["request_id"] == told.receipt["request_id"] and figures(row) == figures(told.receipt)
