"""A client that offers another protocol is answered in this one, and its body is its body."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.gateway import Client
from tests.upstream import STORY, Upstream
from tests.wire import read

OFFERS = [
    "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    "Connection: Upgrade, close\r\nUpgrade: websocket",
]


@contextmanager
def wire_to(client: Client) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", client.gateway.port), timeout=20) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield wire


def offering(client: Client, offer: str, body: bytes) -> bytes:
    head = (
        f"POST /completion HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {client.token}\r\n{offer}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode()


@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_is_declined_by_the_answer(client: Client, upstream: Upstream, offer: str) -> None:
    body = json.dumps({"message": upstream.expect()}).encode()

    with wire_to(client) as wire:
        wire.sendall(offering(client, offer, body) + body)
        answer = read(wire)

    assert answer.status == 200
    assert json.loads(b"".join(answer.chunks))["response"] == "".join(STORY)


@pytest.mark.parametrize("offer", OFFERS)
def test_a_body_after_an_offer_is_never_taken_for_a_request(client: Client, offer: str) -> None:
    smuggled = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

    with wire_to(client) as wire:
        wire.sendall(offering(client, offer, smuggled))
        wire.sendall(smuggled)
        wire.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: wire.recv(65536), b""))

    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"healthy" not in said


def test_offers_in_a_row_are_declined_one_by_one(client: Client) -> None:
    asked = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

    with wire_to(client) as wire:
        wire.sendall(asked * 699 + asked.replace(b"Upgrade\r", b"Upgrade, close\r", 1))
        said = b"".join(iter(lambda: wire.recv(65536), b""))

    assert said.count(b"HTTP/1.1 200 ") == 700


def test_a_tunnel_is_not_made(client: Client) -> None:
    with wire_to(client) as wire:
        wire.sendall(b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n")
        said = b"".join(iter(lambda: wire.recv(65536), b""))

    assert said.startswith(b"HTTP/1.1 405 ")
