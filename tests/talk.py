"""A client of the realtime socket, and what it is told."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.gateway import Gateway, exact

WITHIN_S = 20.0


class Talk:
    """One session from the client's side."""

    def __init__(self, wire: ClientConnection) -> None:
        self.wire = wire
        self.told: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **payload: object) -> None:
        self.wire.send(json.dumps({"type": kind, "payload": payload}))

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next event: its type and payload."""
        text = self.wire.recv(timeout=WITHIN_S)
        assert isinstance(text, str)
        event = exact(text)
        assert set(event) == {"type", "payload"}
        self.told.append((event["type"], event["payload"]))
        return self.told[-1]

    def until(self, *kinds: str) -> dict[str, Any]:
        """Return the payload of the next event of one of these types."""
        while True:
            kind, payload = self.next()
            if kind in kinds:
                return payload

    def ask(self, text: str, **fields: object) -> tuple[str, dict[str, Any]]:
        """Send a message and return its answer, and the payload of what ended it."""
        self.send("message", text=text, **fields)
        before = len(self.told)
        done = self.until("response.done", "error")
        return "".join(each["content"] for kind, each in self.told[before:] if kind == "response.delta"), done

    def closed(self) -> int:
        """Read to the end and return the close code."""
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            try:
                self.next()
            except ConnectionClosed as closed:
                return 1006 if closed.rcvd is None else closed.rcvd.code
        raise AssertionError("still open")


@contextmanager
def talking(gateway: Gateway, query: str = "", **options: Any) -> Iterator[Talk]:
    """Open a session."""
    url = f"ws://127.0.0.1:{gateway.port}/realtime/ws{query}"
    with connect(url, open_timeout=WITHIN_S, proxy=None, **options) as wire:
        yield Talk(wire)
