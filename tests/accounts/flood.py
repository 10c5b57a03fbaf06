"""A flood of requests from a process of its own: `python -m tests.accounts.flood SECONDS CONNECTIONS KEY PORT…`."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import httptools
import uvloop

from tests.gateway import ROOT

CONNECTIONS = 24
BODY = json.dumps({"message": "Bonjour", "model": "my-ok", "max_tokens": 5}).encode()


class Line(asyncio.Protocol):
    """One connection that asks, reads, and asks again."""

    def __init__(self, request: bytes, until: float, told: Counter[str], over: "asyncio.Future[None]") -> None:
        self.request, self.until, self.told, self.over = request, until, told, over

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        if monotonic() >= self.until:
            self.transport.close()
            return
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.told[str(self.parser.get_status_code())] += 1
        asyncio.get_running_loop().call_soon(self.ask)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None or monotonic() < self.until:
            self.told["broken"] += 1
        if not self.over.done():
            self.over.set_result(None)


async def _flood(seconds: float, connections: int, key: str, ports: list[int]) -> None:
    loop, told, began = asyncio.get_running_loop(), Counter(), monotonic()
    ends = [loop.create_future() for _ in range(connections)]
    for number, over in enumerate(ends):
        port = ports[number % len(ports)]
        head = f"POST /completion HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        request = f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
        line = Line(request, began + seconds, told, over)
        await loop.create_connection(lambda line=line: line, "127.0.0.1", port)
    await asyncio.gather(*ends)
    took = monotonic() - began
    sys.stdout.write(json.dumps({"rate": sum(told.values()) / took, "statuses": told}))


class Flood:
    """What came of it, once the block has ended."""

    rate: float = 0.0
    statuses: dict[str, int]


@contextmanager
def flooding(ports: list[int], key: str, seconds: float, connections: int = CONNECTIONS) -> Iterator[Flood]:
    """Flood these ports during the block, and to its own end."""
    flood = Flood()
    command = [sys.executable, "-m", "tests.accounts.flood", str(seconds), str(connections), key, *map(str, ports)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            yield flood
            told = json.loads(process.communicate(timeout=seconds + 30)[0])
        finally:
            process.kill()
    flood.rate, flood.statuses = told["rate"], told["statuses"]


if __name__ == "__main__":
    uvloop.run(_flood(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3], [int(port) for port in sys.argv[4:]]))
