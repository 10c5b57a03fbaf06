"""The bytes of one HTTP/1.1 exchange, with nothing between the test and the socket."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.gateway import Client, exact

MOST_BYTES_A_WRITE = 16 * 1024
EVENT = re.compile(rb"data: (\{[\x20-\x7e]*\})")
COMMENT = re.compile(rb":[\x20-\x7e]*")


@dataclass
class Answer:
    """Status, headers by lower-case name, and the chunks of the chunked encoding as they were written."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes]
    clean_end: bool

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event, after checking its bytes (2.3.4 to 2.3.6): ASCII, LF, `data: ` and one line of JSON."""
        events = []
        for chunk in self.chunks:
            assert len(chunk) <= MOST_BYTES_A_WRITE
            assert chunk.endswith(b"\n\n"), chunk[-80:]
            for block in chunk.removesuffix(b"\n\n").split(b"\n\n"):
                if COMMENT.fullmatch(block):
                    continue
                found = EVENT.fullmatch(block)
                assert found, block[:200]
                events.append(exact(found[1].decode("ascii")))
        return events


@contextmanager
def posting(
    client: Client, seconds: float = 20, path: str = "/completion", **fields: object
) -> Iterator[socket.socket]:
    """Send one request and hand over the socket before anything is read."""
    body = json.dumps(fields).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{client.gateway.port}",
        f"Authorization: Bearer {client.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    with socket.create_connection(("127.0.0.1", client.gateway.port), timeout=seconds) as wire:
        wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        yield wire


def stream(client: Client, message: str, seconds: float = 20, **fields: object) -> Answer:
    """Stream one completion to its end."""
    with posting(client, seconds, message=message, stream=True, **fields) as wire:
        return read(wire)


def read(wire: socket.socket) -> Answer:
    """Read a whole answer."""
    with wire.makefile("rb") as lines:
        status = int(lines.readline().split()[1])
        headers: dict[str, str] = {}
        while line := lines.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") != "chunked":
            return Answer(status, headers, [lines.read()], clean_end=True)
        chunks: list[bytes] = []
        while size := int(lines.readline() or b"-1", 16):
            if size < 0:
                return Answer(status, headers, chunks, clean_end=False)
            chunks.append(lines.read(size))
            lines.readline()
        return Answer(status, headers, chunks, clean_end=True)


def read_until(wire: socket.socket, mark: bytes) -> bytes:
    """Read until these bytes have come."""
    got = b""
    while mark not in got:
        more = wire.recv(65536)
        assert more, got
        got += more
    return got


def leave(wire: socket.socket) -> float:
    """Close the connection as a client that is gone does, and return the moment."""
    wire.shutdown(socket.SHUT_RDWR)
    wire.close()
    return time.monotonic()
