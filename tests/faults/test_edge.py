"""Clients that break the rules: each gets a clear refusal or a closed door, and nobody else notices."""

import json
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.hostile import ASK, BODIES, CODES, HEADS, LONG, SPOILT, UNENDED, Wire, get, post
from tests.faults.served import figure, until, visits
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Client, Gateway
from tests.wire import posting, read, read_until

IDLE = 200
HEAD_WITHIN_S = 10.0  # this and the others: router/edge.py and router/decoding.py
BODY_WITHIN_S = 30.0
READ_WITHIN_S = 30.0
LINGERS_S = 12.0
PIECE = 250 * 4  # characters of one event of `flood`
FLOOD = 2000 * 16 * PIECE
MOST_BUFFERED = 16 << 20  # in the sockets of three processes


@pytest.fixture(scope="module")
def gateway(fresh: Callable[..., Gateway]) -> Gateway:
    return fresh()


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Client:
    return Client(gateway, gateway.token())


@pytest.fixture(autouse=True)
def others_are_unharmed(client: Client) -> Iterator[None]:
    """After each test an honest client is served at once, and the log holds no traceback."""
    yield
    began = time.monotonic()
    assert client.ask("honest", model="my-ok").status_code == 200
    assert time.monotonic() - began < 1
    assert "Traceback" not in client.gateway.log


@contextmanager
def wire_to(client: Client, seconds: float = 10) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", client.gateway.port), timeout=seconds) as wire:
        yield wire


def fill(data: bytes, client: Client) -> bytes:
    host = f"127.0.0.1:{client.gateway.port}".encode()
    return data.replace(b"%(host)s", host).replace(b"%(token)s", client.token.encode())


def send(wire: socket.socket, data: bytes) -> None:
    # Who is refused early may find the door shut before everything is said.
    with suppress(ConnectionError):
        wire.sendall(data)


def answer(wire: socket.socket) -> tuple[int, dict[str, Any]]:
    """Read one answer with a length, and leave what follows."""
    got = read_until(wire, b"\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", head.lower())[0])
    while len(body) < length:
        more = wire.recv(length - len(body))
        assert more
        body += more
    return int(head.split()[1]), json.loads(body)


def is_closed(wire: socket.socket, seconds: float) -> bool:
    """Whether the other side closes within so long."""
    end = time.monotonic() + seconds
    with suppress(ConnectionError):
        while (left := end - time.monotonic()) > 0:
            if select.select([wire], [], [], left)[0] and not wire.recv(65536):
                return True
        return False
    return True


def check(told: dict[str, Any], status: int, wanted: Wire) -> None:
    assert status in wanted.statuses
    assert told["status_code"] == status
    assert told["error"]["code"] == CODES[status]
    assert told["error"]["request_id"]


@pytest.mark.parametrize("name", HEADS)
def test_what_is_not_a_request_is_refused_and_the_door_closed(client: Client, name: str) -> None:
    with wire_to(client) as wire:
        send(wire, fill(HEADS[name].data, client))
        status, told = answer(wire)

        check(told, status, HEADS[name])
        assert is_closed(wire, 1)


@pytest.mark.parametrize("name", SPOILT)
def test_request_that_spoils_midway_is_closed_and_never_gets_two_answers(client: Client, name: str) -> None:
    with wire_to(client) as wire, suppress(ConnectionError):
        send(wire, fill(SPOILT[name], client))
        got = b""
        while more := wire.recv(65536):
            got += more

    assert got.count(b"HTTP/1.1 ") <= 1


@pytest.mark.parametrize("name", BODIES)
def test_what_is_not_an_order_is_refused_and_the_connection_serves_on(
    client: Client, faulty: FaultyUpstream, name: str
) -> None:
    before = len(faulty.visits)
    with wire_to(client) as wire:
        send(wire, fill(BODIES[name].data, client))
        status, told = answer(wire)
        check(told, status, BODIES[name])
        assert len(faulty.visits) == before

        wire.sendall(fill(post(ASK), client))
        status, told = answer(wire)
        assert (status, told["model"]) == (200, "my-ok")


@pytest.mark.prove
def test_who_is_refused_before_all_is_said_is_not_listened_to_for_ever(client: Client) -> None:
    with ExitStack() as stack:
        wires = {name: stack.enter_context(wire_to(client)) for name in UNENDED}
        for name, wire in wires.items():
            send(wire, fill(UNENDED[name].data, client))
            status, told = answer(wire)
            check(told, status, UNENDED[name])

        assert [name for name, wire in wires.items() if not is_closed(wire, LINGERS_S)] == []


def test_body_that_never_ends_is_not_swallowed(client: Client) -> None:
    sent = 0
    with wire_to(client) as wire, suppress(ConnectionError):
        wire.sendall(fill(post(b"", b"Transfer-Encoding: chunked"), client))
        block = b"%x\r\n%b\r\n" % (1 << 16, b" " * (1 << 16))
        while sent < 100 * LONG:
            wire.sendall(block)
            sent += len(block)

    figure(f"swallowed {sent >> 20} MB of a body that never ends")
    assert sent < 100 * LONG
    assert memory_mb(client.gateway) < 200


def memory_mb(gateway: Gateway) -> float:
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def test_the_largest_body_is_served(client: Client) -> None:
    body = ASK + b" " * (LONG - len(ASK))

    assert client.send(body).status_code == 200


@pytest.mark.parametrize("text", ["\0", "a\0b", "\u2028", "\U0010ffff", "\ufeff", "{{x}}", "data: [DONE]\n\n"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_odd_text_is_text(client: Client, faulty: FaultyUpstream, text: str, stream) -> None:
    question = f"odd {text}"

    assert client.ask(question, model="my-ok", stream=stream).status_code == 200

    assert visits(faulty, question)


def test_key_given_twice_has_one_meaning(client: Client, faulty: FaultyUpstream) -> None:
    before = len(faulty.visits)

    response = client.send(b'{"message": "first", "model": "my-ok", "message": "second"}')

    asked = [visit.question for visit in faulty.visits[before:]]
    assert (response.status_code, asked) in [(200, ["second"]), (400, [])]


def test_unpaired_question_of_an_http_1_0_client_is_answered_and_closed(client: Client) -> None:
    with wire_to(client) as wire:
        wire.sendall(get(version=b"HTTP/1.0", host=False))
        status, told = answer(wire)

        assert (status, told["status"]) == (200, "healthy")
        assert is_closed(wire, 1)


def test_requests_that_come_together_are_answered_in_order(client: Client) -> None:
    health, order, wrong = get(), post(ASK), post(b"{}")
    with wire_to(client) as wire, wire.makefile("rb") as lines:
        wire.sendall(fill(health + order + wrong + order + health, client))

        statuses = []
        for _ in range(5):
            statuses.append(int(lines.readline().split()[1]))
            length = 0
            while line := lines.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split()[1])
            lines.read(length)
    assert statuses == [200, 200, 400, 200, 200]


def test_many_requests_that_come_together_take_bounded_memory(client: Client) -> None:
    before = memory_mb(client.gateway)
    with wire_to(client) as wire:
        wire.settimeout(2)
        with suppress(TimeoutError, ConnectionError):
            wire.sendall(fill(get(), client) * 100_000)
        grown = memory_mb(client.gateway) - before

    figure(f"100,000 requests at once whose answers nobody reads: {grown:.0f} MB more")
    assert grown < 50


def test_idle_connections_and_half_heads_harm_nobody(client: Client) -> None:
    with ExitStack() as stack:
        before = memory_mb(client.gateway)
        for number in range(IDLE):
            wire = stack.enter_context(wire_to(client))
            if number % 2:
                wire.sendall(b"GET /health HTTP/1.1\r\nHost:")
        began = time.monotonic()
        assert client.ask("Bonjour", model="my-ok").status_code == 200
        took = time.monotonic() - began
        grown = memory_mb(client.gateway) - before

    figure(f"beside {IDLE} idle connections: an answer in {took * 1000:.0f} ms, {grown:.1f} MB more")
    assert took < 1
    assert grown < 20


# API4: slowloris.
def test_head_that_trickles_is_cut_off(client: Client) -> None:
    with wire_to(client) as wire:
        began = time.monotonic()
        wire.sendall(b"GET /health HTTP/1.1\r\n")
        while not is_closed(wire, 0.25):
            assert time.monotonic() - began < HEAD_WITHIN_S + 3
            send(wire, b"X-A: b\r\n")
        took = time.monotonic() - began

    figure(f"a head that trickles is cut off after {took:.1f} s")
    assert took > HEAD_WITHIN_S - 3


@pytest.mark.prove
def test_body_that_trickles_is_cut_off(client: Client) -> None:
    with wire_to(client) as wire:
        began = time.monotonic()
        wire.sendall(fill(post(b"{", length=b"500"), client))
        while not select.select([wire], [], [], 1)[0]:
            assert time.monotonic() - began < BODY_WITHIN_S + 3
            wire.sendall(b" ")
        status, told = answer(wire)

        assert (status, told["error"]["code"]) == (408, "request_timeout")
        assert is_closed(wire, LINGERS_S)
    figure(f"a body that trickles is cut off after {time.monotonic() - began:.1f} s")


def when_still(told: Callable[[], int]) -> int:
    """Wait until a number has stood still for half a second and return it."""
    last, since = told(), time.monotonic()
    while time.monotonic() - since < 0.5:
        if (now := told()) != last:
            last, since = now, time.monotonic()
    return last


def test_upstream_waits_for_a_reader_that_stops_reading(client: Client, faulty: FaultyUpstream) -> None:
    before = memory_mb(client.gateway)
    with posting(client, 30, message="paused", model="my-flood", stream=True) as wire:
        until(lambda: visits(faulty, "paused") and visits(faulty, "paused")[0].pieces)
        sent = when_still(lambda: visits(faulty, "paused")[0].pieces * PIECE)
        grown = memory_mb(client.gateway) - before
        assert client.ask("Bonjour", model="my-ok").status_code == 200

        told = read(wire)

    figure(f"a reader that stops: upstream paused after {sent >> 20} of {FLOOD >> 20} MB, {grown:.1f} MB more here")
    assert sent < MOST_BUFFERED
    assert grown < 20
    events = told.events
    assert sum(len(event["content"]) for event in events) == FLOOD
    assert client.gateway.row(events[-1]["metadata"]["request_id"])["status"] == "ok"


@pytest.mark.prove
def test_reader_that_never_reads_on_is_dropped_and_billed(client: Client, faulty: FaultyUpstream) -> None:
    with posting(client, message="dropped", project_id="dropped", model="my-flood", stream=True):
        until(lambda: visits(faulty, "dropped") and visits(faulty, "dropped")[0].pieces)
        took = until(lambda: visits(faulty, "dropped")[0].left_at, READ_WITHIN_S + 10)

        until(lambda: [row for row in client.gateway.books() if row["project_id"] == "dropped"])
    figure(f"a reader that never reads on is dropped after {took:.1f} s")
    assert took > READ_WITHIN_S - 5
    (row,) = [row for row in client.gateway.books() if row["project_id"] == "dropped"]
    assert (row["status"], row["usage_source"]) == ("client_gone", "estimated")
    assert 0 < row["output_tokens"] <= visits(faulty, "dropped")[0].pieces * 250
