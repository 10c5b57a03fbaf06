"""Clients that leave: the upstream is left at once, and one row says what they owe (2.3.8)."""

import random
import select
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults.served import alone, figure, rows_by_project, until, visits
from tests.faults.upstream import FaultyUpstream, Visit
from tests.gateway import Client, Gateway
from tests.wire import posting, read_until

CROWD = 80
LEFT_WITHIN_S = 1.0
WORDS = 40  # of the scenario `paced`, in 0.4 s
MODES = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


@dataclass
class Left:
    """A client that left: when, what it had seen, and whether its answer was whole by then."""

    question: str
    stream: bool
    at: float
    words: int
    whole: bool


def bye(wire: socket.socket) -> None:
    wire.shutdown(socket.SHUT_RDWR)
    wire.close()


def vanish(wire: socket.socket) -> None:
    """Leave with a reset, as a process that is killed does."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


WAYS = pytest.mark.parametrize("leave", [bye, vanish])


@pytest.fixture(scope="module")
def client(gateway_with: Callable[..., Gateway], faulty: FaultyUpstream) -> Client:
    scenarios = ("paced", "lasting", "hang")
    # Nothing but the client's leaving may end these calls.
    rows = "".join(alone(f"my-{name}", faulty.base_url, name) for name in scenarios)
    # A retry a second is free, so each mode has a provider of its own.
    rows += "".join(alone(f"busy-{stream}", faulty.base_url, "s429_seconds") for stream in (False, True))
    gateway = gateway_with({"router.toml": rows.replace("0.8", "120").replace("2.5", "600")})
    return Client(gateway, gateway.token())


@pytest.fixture
def asked(request: pytest.FixtureRequest) -> dict[str, object]:
    """A question and a project that only this test has."""
    name = "".join(filter(str.isalnum, request.node.name))
    return {"message": name, "project_id": name}


def settled(client: Client, project: object) -> dict[str, object]:
    """Wait for the one row of this project."""
    rows: list[dict[str, object]] = []

    def there() -> bool:
        rows[:] = [row for row in client.gateway.books() if row["project_id"] == project]
        return bool(rows)

    until(there)
    assert len(rows) == 1
    return rows[0]


@MODES
@WAYS
def test_upstream_is_left_when_the_client_leaves_before_the_first_byte(
    client: Client, faulty: FaultyUpstream, asked: dict[str, object], leave: Callable[..., None], stream
) -> None:
    with posting(client, **asked, model="my-hang", stream=stream) as wire:
        until(lambda: visits(faulty, asked["message"]))
        leave(wire)
        took = until(lambda: visits(faulty, asked["message"])[0].left_at)

    assert took < LEFT_WITHIN_S
    row = settled(client, asked["project_id"])
    assert (row["status"], row["usage_source"], row["output_tokens"]) == ("client_gone", "estimated", 0)
    assert row["input_tokens"] > 0
    assert row["cost_eur"] > 0


@WAYS
def test_upstream_is_left_when_the_client_leaves_mid_stream(
    client: Client, faulty: FaultyUpstream, asked: dict[str, object], leave: Callable[..., None]
) -> None:
    with posting(client, **asked, model="my-lasting", stream=True) as wire:
        seen = 0
        while seen < 3:
            seen += read_until(wire, b"\n\n").count(b'"content": " yes"')
        leave(wire)
        took = until(lambda: visits(faulty, asked["message"])[0].left_at)

    assert took < LEFT_WITHIN_S
    row = settled(client, asked["project_id"])
    assert (row["status"], row["usage_source"]) == ("client_gone", "estimated")
    assert seen <= row["output_tokens"] <= visits(faulty, asked["message"])[0].pieces


@MODES
def test_client_that_leaves_between_two_tries_is_not_served_the_second(
    client: Client, faulty: FaultyUpstream, asked: dict[str, object], stream
) -> None:
    with posting(client, **asked, model=f"busy-{stream}", stream=stream) as wire:
        until(lambda: visits(faulty, asked["message"]))
        bye(wire)
        row = settled(client, asked["project_id"])

    assert (row["status"], row["attempts"], row["cost_eur"]) == ("client_gone", 1, 0)
    assert len(visits(faulty, asked["message"])) == 1


@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_every_pipeline_leaves_its_upstream(
    client: Client, faulty: FaultyUpstream, asked: dict[str, object], agent: str
) -> None:
    open_before = len([visit for visit in faulty.visits if visit.left_at is None])

    with posting(client, **asked, model="my-hang", agent=agent) as wire:
        until(lambda: len([visit for visit in faulty.visits if visit.left_at is None]) > open_before)
        bye(wire)
        took = until(lambda: len([visit for visit in faulty.visits if visit.left_at is None]) == open_before)

    assert took < LEFT_WITHIN_S
    assert settled(client, asked["project_id"])["status"] == "client_gone"


def test_request_that_is_never_whole_reaches_no_upstream_and_owes_nothing(
    client: Client, faulty: FaultyUpstream
) -> None:
    before = len(faulty.visits), len(client.gateway.books())
    port = client.gateway.port
    with socket.create_connection(("127.0.0.1", port)) as wire:
        lines = ["POST /completion HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {client.token}"]
        lines += ["Content-Type: application/json", "Content-Length: 500", "", '{"message": "half']
        wire.sendall("\r\n".join(lines).encode())
        bye(wire)

    assert client.ask("Bonjour", model="my-paced").status_code == 200
    assert (len(faulty.visits), len(client.gateway.books())) == (before[0] + 1, before[1] + 1)


# Must-show 4, without the kills.
def test_crowd_that_leaves_at_random_moments_is_billed_between_seen_and_sent(
    client: Client, faulty: FaultyUpstream
) -> None:
    seed = random.randrange(10_000)
    chance = random.Random(seed)
    moments = [chance.uniform(0.0, 0.45) for _ in range(CROWD)]

    with ThreadPoolExecutor(16) as pool:
        crowd = list(pool.map(lambda turn: watch(client, *turn), enumerate(moments)))

    mine = [one for one in crowd if not one.whole]
    until(lambda: "router_inflight_requests 0.0" in client.gateway.metrics())
    rows = rows_by_project(client.gateway.books())
    delays = [
        delay
        for one in mine
        if (delay := owed(one, visits(faulty, one.question), rows.get(one.question, []))) is not None
    ]
    figure(
        f"seed {seed}: {len(mine)} of {CROWD} clients left early, {len(delays)} of them mid-call; "
        f"upstream left after {max(delays) * 1000:.0f} ms at most"
    )
    assert max(delays) < LEFT_WITHIN_S


def owed(one: Left, seen: list[Visit], rows: list[dict[str, object]]) -> float | None:
    """Check the row of a client that left; return after how many seconds its upstream was left, if it was asked."""
    if not seen and not rows:
        # It left before its request was read.
        return None
    assert len(rows) == 1
    row = rows[0]
    if row["status"] == "ok":
        # It left while the last bytes were on their way.
        assert seen[0].pieces == WORDS
        return None
    assert row["status"] == "client_gone", row
    if not seen:
        assert row["output_tokens"] == 0
        return None
    assert row["usage_source"] == "estimated"
    assert one.words <= row["output_tokens"] <= seen[0].pieces
    assert seen[0].left_at is not None
    return seen[0].left_at - one.at


def watch(client: Client, number: int, moment: float) -> Left:
    """Ask, read until the moment comes, and leave."""
    question, stream = f"crowd-{number}", number % 2 == 0
    with posting(client, message=question, project_id=question, model="my-paced", stream=stream) as wire:
        until_s = time.monotonic() + moment
        got = b""
        while (left := until_s - time.monotonic()) > 0:
            ready, _, _ = select.select([wire], [], [], left)
            more = wire.recv(65536) if ready else b""
            got += more
            if ready and not more:
                return Left(question, stream, time.monotonic(), WORDS, whole=True)
        bye(wire)
        return Left(question, stream, time.monotonic(), got.count(b'"content": " yes"'), whole=False)
