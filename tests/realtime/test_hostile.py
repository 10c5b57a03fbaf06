"""Hostile clients of the socket: floods, sizes, slow readers, bad handshakes; the others are unharmed (2.6.2, 2.6b)."""

import base64
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.faults.served import until
from tests.gateway import Gateway, environment, run, vendors
from tests.talk import Talk, talking
from tests.upstream import STORY, Upstream

MOST_GROWTH_MB = 64


def opens(gateway: Gateway) -> bool:
    try:
        with talking(gateway) as talk:
            return talk.next()[0] == "connected"
    except InvalidStatus:
        return False


@pytest.fixture
def neighbour(open_house: Gateway, upstream: Upstream) -> Iterator[Talk]:
    """Somebody else, who is answered whatever happens meanwhile."""
    with talking(open_house) as talk:
        yield talk
        text, _ = talk.ask(upstream.expect())
        assert text == "".join(STORY)


# One row a frame that is wrong: what its refusal names.
@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("null", "objet"),
        ("[]", "objet"),
        ('"ping"', "objet"),
        ('{"payload":{}}', "type"),
        ('{"type":7}', "type"),
        ('{"type":"shutdown","payload":{}}', "type"),
        ('{"type":"ping","payload":[]}', "objet"),
        ('{"type":"ping","payload":null}', "objet"),
        ('{"type":"ping","payload":{"a":1}}', "a"),
        ('{"type":"ping","more":1}', "more"),
        ('{"type":"message","payload":{}}', "text"),
        ('{"type":"message","payload":{"text":" "}}', "text"),
        ('{"type":"message","payload":{"text":7}}', "text"),
        ('{"type":"message","payload":{"text":"a","model":""}}', "model"),
        ('{"type":"offer","payload":{"type":"offer"}}', "sdp"),
        ('{"type":"offer","payload":{"sdp":"v=0","type":"answer"}}', "type"),
        ('{"type":"audio.start","payload":{"format":"mp3"}}', "format"),
        ('{"type":"audio.start","payload":{"rate":1}}', "rate"),
        ('{"type":"auth","payload":{}}', "token"),
        ('{"type":"message","payload":{"text":"' + "x" * 70_000 + '"}}', "65536"),
        ('{"type":"ping","payload":' + "[" * 60_000, "profond"),
        (b"\0\0", "audio.start"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_frame_is_refused_and_the_session_goes_on(open_house: Gateway, frame: str | bytes, named: str) -> None:
    with talking(open_house) as talk:
        talk.wire.send(frame)
        refusal = talk.until("error")
        talk.send("ping")

        assert talk.until("pong")

    assert refusal["code"] in {"invalid_request", "body_too_large"}
    assert named in refusal["message"]


@pytest.mark.parametrize(
    "frame", [b"\0" * 1_000_001, b"\0" * 4_000_000, "x" * 1_000_001], ids=["bytes", "more", "text"]
)
def test_a_frame_of_over_a_megabyte_closes_1009(open_house: Gateway, frame: str | bytes) -> None:
    with talking(open_house) as talk:
        assert sent_until_closed(talk, [frame]) == 1009


@pytest.mark.usefixtures("neighbour")
def test_fragments_add_up(open_house: Gateway) -> None:
    with talking(open_house) as talk:
        assert sent_until_closed(talk, [(b"\0" * 100_000 for _ in range(11))]) == 1009


def sent_until_closed(talk: Talk, frames: list[Any]) -> int:
    try:
        for frame in frames:
            talk.wire.send(frame)
    except ConnectionClosed:
        pass
    return talk.closed()


# What a library would not send, byte by byte.
@contextmanager
def raw(gateway: Gateway, buffer: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as wire:
        if buffer is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        wire.settimeout(20)
        wire.connect(("127.0.0.1", gateway.port))
        wire.sendall(handshake())
        assert read_until(wire, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        yield wire


def handshake(path: str = "/realtime/ws", key: str = "", *more: str) -> bytes:
    key = key or base64.b64encode(b"0123456789abcdef").decode()
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: Upgrade", "Upgrade: websocket"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """Return a masked frame, its mask zero (RFC 6455, 5.2)."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return struct.pack("!B", (0x80 if last else 0) | opcode) + length + b"\0\0\0\0" + payload


def until_end(wire: socket.socket) -> bytes:
    return b"".join(iter(lambda: wire.recv(65_536), b""))


def code_in(said: bytes) -> int:
    """Return the code of the close frame that everything else ends with."""
    found = re.findall(rb"\x88[\x02-\x7d](..)", said, re.DOTALL)
    assert found, said[-200:]
    return struct.unpack("!H", found[-1])[0]


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (frame(0x3), 1002),
        (frame(0x0), 1002),
        (b"\xf1\x80\0\0\0\0", 1002),
        (frame(0x1, b"\xff\xfe"), 1007),
        (frame(0x1, b"", last=False) + frame(0x0, b"", last=False) * 5_000, 1009),
        (b"\x82\xff\x7f" + b"\xff" * 7 + b"\0\0\0\0", 1009),
    ],
    ids=["unmasked", "opcode", "continuation", "reserved", "not-utf-8", "empty-fragments", "huge-length"],
)
def test_what_is_no_frame_closes(open_house: Gateway, said: bytes, code: int) -> None:
    with raw(open_house) as wire:
        wire.sendall(said)

        assert code_in(until_end(wire)) == code


@pytest.mark.usefixtures("neighbour")
def test_a_flood_of_messages_is_told_once_and_closed_4429(open_house: Gateway) -> None:
    with raw(open_house) as wire:
        wire.sendall(frame(0x1, b'{"type":"ping"}') * 2_000)
        said = until_end(wire)

    assert said.count(b'"rate_limited"') == 1
    assert said.count(b'"pong"') < 200
    assert code_in(said) == 4429


# Each costs as much to parse as a message, and none of them waits until the application has taken it.
@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("opcode", [0x9, 0xA], ids=["pings", "pongs"])
def test_a_storm_of_control_frames_is_closed_4429(open_house: Gateway, opcode: int) -> None:
    with raw(open_house) as wire:
        wire.sendall(frame(opcode, b"x") * 50)
        wire.sendall(frame(0x1, b'{"type":"ping"}'))
        assert b'"pong"' in read_until(wire, b'"pong"')
        wire.sendall(frame(opcode, b"x") * 5_000)
        said = until_end(wire)

    assert code_in(said) == 4429


def test_a_storm_of_pings_without_reading_fills_no_memory(open_house: Gateway, neighbour: Talk) -> None:
    before = resident_mb(open_house)

    with raw(open_house, buffer=4096) as wire:
        with pytest.raises(ConnectionError):
            wire.sendall(frame(0x9, b"x" * 125) * 1_000_000)
        neighbour.send("ping")
        assert neighbour.until("pong")

        assert resident_mb(open_house) - before < MOST_GROWTH_MB


def resident_mb(gateway: Gateway) -> float:
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024


def test_a_slow_reader_holds_up_its_own_answer_alone(open_house: Gateway, upstream: Upstream, neighbour: Talk) -> None:
    pieces = tuple("x" * 1_000 for _ in range(40_000))
    prompt = upstream.expect(pieces=pieces)
    before = resident_mb(open_house)

    with raw(open_house, buffer=4096) as wire:
        asked = json.dumps({"type": "message", "payload": {"text": prompt}}).encode()
        wire.sendall(frame(0x1, asked))
        seen = stalled(upstream, prompt)
        grown = resident_mb(open_house) - before
        neighbour.send("ping")
        assert neighbour.until("pong")

    assert seen.pieces_sent < len(pieces)
    assert grown < MOST_GROWTH_MB
    assert seen.dropped.wait(5)


def stalled(upstream: Upstream, prompt: str) -> Any:
    """Wait until the vendor cannot send any more, and return what it got."""
    until, sent, since = time.monotonic() + 20, -1, time.monotonic()
    while time.monotonic() < until:
        seen = upstream.seen(prompt)
        now = seen[0].pieces_sent if seen else -1
        if now != sent:
            sent, since = now, time.monotonic()
        if sent > 0 and time.monotonic() - since > 1:
            return seen[0]
        time.monotonic()
    raise AssertionError("the vendor was never held up")


# Neither an upgrade of another path, nor a half-hearted one.
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (handshake("/completion"), 405),
        (handshake("/realtime/ws/"), 404),
        (handshake("/realtime%2Fws"), 404),
        (handshake("/nowhere"), 404),
        (handshake().replace(b"GET", b"POST"), 404),
        (handshake().replace(b"Upgrade: websocket", b"Upgrade: h2c"), 404),
        (handshake().replace(b"Connection: Upgrade\r\n", b""), 404),
        (handshake().replace(b"HTTP/1.1", b"HTTP/1.0"), 404),
        (handshake(key="short"), 400),
        (handshake().replace(b"Version: 13", b"Version: 8"), 400),
        (handshake().replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
        (handshake("/realtime/ws", "", "X-Long: " + "x" * 9_000), 400),
        (handshake("/realtime/ws", "", "X-Long: " + "x" * 40_000), 431),
    ],
)
def test_what_is_no_handshake_opens_nothing(open_house: Gateway, asked: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", open_house.port), timeout=20) as wire:
        wire.sendall(asked)
        said = read_until(wire, b'"error":{')

    assert said.startswith(b"HTTP/1.1 %d " % status), said[:200]


def read_until(wire: socket.socket, mark: bytes) -> bytes:
    said = b""
    while mark not in said:
        piece = wire.recv(65_536)
        assert piece, said[:400]
        said += piece
    return said


def test_frames_that_come_before_the_answer_are_served(open_house: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", open_house.port), timeout=20) as wire:
        wire.sendall(handshake() + frame(0x1, b'{"type":"ping"}'))

        assert read_until(wire, b'"pong"').startswith(b"HTTP/1.1 101 ")


def test_there_are_so_many_sessions_and_then_503(gateway_with: Callable[..., Gateway], upstream: Upstream) -> None:
    gateway = gateway_with(
        **vendors(upstream), ROUTER_REALTIME_MAX_SESSIONS="2", ROUTER_ORIGINS="http://localhost:3000"
    )

    with ExitStack() as stack:
        first, _ = (stack.enter_context(talking(gateway)) for _ in range(2))
        with pytest.raises(InvalidStatus) as refused, talking(gateway):
            pass
        first.wire.close()
        # The seat is free once the gateway has seen it close.
        until(lambda: opens(gateway), 10)

    assert refused.value.response.status_code == 503
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "overloaded"
    assert int(refused.value.response.headers["Retry-After"]) >= 1


def test_a_malformed_origin_refuses_to_start(tmp_path: Path) -> None:
    for wrong in ("*", "https://a.example/", "app.example", "https://*.example", "https://a.example:443", "null"):
        ended = run(tmp_path, "serve", env=environment(tmp_path, ROUTER_ORIGINS=f"https://b.example, {wrong}"))

        assert ended.returncode == 2
        assert f"ROUTER_ORIGINS: {wrong} is no origin" in ended.stderr
