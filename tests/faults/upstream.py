"""A chat API that fails on demand, as its model's name says; `python -m tests.faults.upstream PORT` serves it."""

import asyncio
import json
import socket
import ssl
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.faults.scenarios import SCENARIOS, TAUGHT, WATCHED
from tests.faults.wire import LAST_CHUNK, chunk, head, response


@dataclass
class Visit:
    """One request as the upstream saw it: what was asked, what was sent, and when the other side left, if it did."""

    model: str
    question: str
    began_at: float = field(default_factory=time.monotonic)
    pieces: int = 0
    left_at: float | None = None


class Answering:
    """One request, and the socket to answer it on."""

    def __init__(
        self,
        upstream: "FaultyUpstream",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: dict[str, Any],
        *,
        answered_before: bool,
    ) -> None:
        self.upstream = upstream
        self.reader = reader
        self.writer = writer
        self.answered_before = answered_before
        self.request = request
        self.stream: bool = request.get("stream", False)
        self.visit = Visit(request["model"], request["messages"][-1]["content"])
        upstream.visits.append(self.visit)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def chunks(self, *parts: bytes) -> None:
        for part in parts:
            await self.send(chunk(part))

    async def answer(self, body: bytes, events: list[bytes]) -> None:
        if not self.stream:
            await self.send(response(body))
            return
        await self.send(head())
        await self.chunks(*events)
        await self.send(LAST_CHUNK)

    async def hang(self) -> None:
        """Stay silent until the other side leaves."""
        self.upstream.hanging.release()
        await self.upstream.released.wait()

    def leaving(self) -> bool:
        return self.writer.is_closing() or self.reader.at_eof()

    def cut(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class FaultyUpstream:
    """Serves on loopback while entered.

    Attributes:
        requests: Every body that came, in order.
        visits: One for each of them.
        headers: The head of every request that came, as bytes.
        connections: How many connections were opened.
        open_connections: How many are open now.
        hanging: Can be acquired once for each call that was left without an answer.

    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self.visits: list[Visit] = []
        self.headers: list[bytes] = []
        self.connections = 0
        self.open_connections = 0
        self.hanging = asyncio.Semaphore(0)
        self.released = asyncio.Event()
        self.left = asyncio.Event()
        self._port = port
        self._tls = tls
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.close()
        for writer in self._open.values():
            writer.close()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}/v1"

    async def forever(self) -> None:
        await self._server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        self.open_connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                before = False
                while not writer.is_closing():
                    await self._once(reader, writer, before=before)
                    before = True
        finally:
            del self._open[task]
            self.open_connections -= 1
            self.left.set()
            writer.close()

    async def _once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, before: bool) -> None:
        request_head = await reader.readuntil(b"\r\n\r\n")
        self.headers.append(request_head)
        length = next(int(x[15:]) for x in request_head.lower().split(b"\r\n") if x.startswith(b"content-length:"))
        body = json.loads(await reader.readexactly(length))
        self.requests.append(body)
        call = Answering(self, reader, writer, body, answered_before=before)
        scenario = asyncio.ensure_future((TAUGHT | SCENARIOS)[body["model"]](call))
        gone = asyncio.ensure_future(reader.read(1)) if body["model"] in WATCHED else None
        try:
            await asyncio.wait([t for t in (scenario, gone) if t], return_when=asyncio.FIRST_COMPLETED)
            if gone is not None and gone.done():
                writer.close()
            elif scenario.done():
                scenario.result()
        finally:
            if call.leaving():
                call.visit.left_at = time.monotonic()
            for task in (scenario, gone):
                if task is not None:
                    task.cancel()


async def _main(port: int) -> None:
    async with FaultyUpstream(port) as upstream:
        await upstream.forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
