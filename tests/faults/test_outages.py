"""What a stop, a locked database and a full disk do to those who are being answered, and to the books."""

import select
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress

import pytest

from tests.faults.books import soundness
from tests.faults.served import figure, until, visits
from tests.faults.upstream import FaultyUpstream
from tests.gateway import STOP_S, Client, Gateway, exact, refused
from tests.wire import Answer, posting, read

DRAIN_S = 30.0  # router/serving.py


def test_stop_lets_live_answers_end_whole(fresh: Callable[..., Gateway], faulty: FaultyUpstream) -> None:
    gateway = fresh()
    client = Client(gateway, gateway.token())
    with ExitStack() as stack:
        wires = [
            stack.enter_context(posting(client, message=f"stop {number}", model="my-paced", stream=number < 6))
            for number in range(8)
        ]
        until(lambda: sum(len(visits(faulty, f"stop {number}")) for number in range(8)) == 8)

        gateway.process.terminate()

        until(lambda: not listens(gateway), 1)
        assert gateway.process.poll() is None
        answers = [read(wire) for wire in wires]
    assert gateway.process.wait(STOP_S) == 0
    assert [answer.status for answer in answers] == [200] * 8
    assert [error_of(answer) for answer in answers] == [None] * 8
    assert {row["status"] for row in gateway.books()} == {"ok"}
    assert len(gateway.books()) == 8
    assert "Traceback" not in gateway.log


@pytest.mark.prove
def test_stop_ends_what_outlasts_the_drain_with_an_error(fresh: Callable[..., Gateway], faulty: FaultyUpstream) -> None:
    gateway = fresh()
    client = Client(gateway, gateway.token())
    models = {"my-lasting": True, "my-hang": False}
    with ExitStack() as stack:
        wires = [
            stack.enter_context(posting(client, DRAIN_S + STOP_S, message=name, model=name, stream=stream))
            for name, stream in models.items()
        ]
        until(lambda: all(visits(faulty, name) for name in models))

        gateway.process.terminate()
        began = time.monotonic()

        answers = [read(wire) for wire in wires]
    drained_s = time.monotonic() - began
    assert gateway.process.wait(STOP_S) == 0
    figure(f"drained after {drained_s:.1f} s, ended {time.monotonic() - began:.1f} s after SIGTERM")
    assert DRAIN_S - 2 < drained_s < DRAIN_S + 2
    assert [answer.status for answer in answers] == [200, 503]
    assert [error_of(answer) for answer in answers] == ["overloaded", "overloaded"]
    assert Counter(row["status"] for row in gateway.books()) == {"partial": 1, "error": 1}
    assert "Traceback" not in gateway.log


def listens(gateway: Gateway) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", gateway.port), 1):
        return True
    return False


def error_of(answer: Answer) -> str | None:
    told = answer.events[-1] if "event-stream" in answer.headers["content-type"] else exact(answer.chunks[0].decode())
    return told.get("error", {}).get("code")


@contextmanager
def locked(gateway: Gateway) -> Iterator[None]:
    """Hold the database's only write lock from outside."""
    with closing(sqlite3.connect(gateway.folder / "data" / "router.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")


@contextmanager
def full(gateway: Gateway) -> Iterator[None]:
    """Let no file of the live process grow, as a full disk does."""
    limit = ["prlimit", f"--pid={gateway.process.pid}"]
    subprocess.run([*limit, "--fsize=1:unlimited"], check=True)
    yield
    subprocess.run([*limit, "--fsize=unlimited:unlimited"], check=True)


OUTAGES = pytest.mark.parametrize("outage", [locked, full])


@OUTAGES
def test_short_outage_of_the_disk_is_waited_out(
    fresh: Callable[..., Gateway], faulty: FaultyUpstream, outage: Callable[..., AbstractContextManager[None]]
) -> None:
    gateway = fresh()
    client = Client(gateway, gateway.token())
    question = f"short {outage.__name__}"
    with ExitStack() as stack:
        wires = [
            stack.enter_context(posting(client, message=question, model="my-paced", stream=stream))
            for stream in (False, True)
        ]
        until(lambda: len(visits(faulty, question)) == 2)

        with outage(gateway):
            until(lambda: all(visit.pieces == 40 for visit in visits(faulty, question)))
            ready, _, _ = select.select([wires[0]], [], [], 1)
            assert ready == []
        answers = [read(wire) for wire in wires]

    assert [(answer.status, error_of(answer)) for answer in answers] == [(200, None)] * 2
    assert {row["request_id"] for row in gateway.books()} == {answer.headers["x-request-id"] for answer in answers}


def test_full_disk_lets_nobody_in_and_recovers_by_itself(fresh: Callable[..., Gateway], faulty: FaultyUpstream) -> None:
    gateway = fresh()
    client = Client(gateway, gateway.token())
    assert client.ask("before", model="my-ok").status_code == 200

    with full(gateway):
        response = client.ask("meanwhile", model="my-ok")

    refused(response, 503, "overloaded")
    assert response.headers["Retry-After"]
    assert visits(faulty, "meanwhile") == []
    until(lambda: client.ask("afterwards", model="my-ok").status_code == 200, 5)
    assert len(gateway.books()) == 2


# LIFE-013, LIFE-014: 503 `overloaded`, never 200 and lost; it recovers by itself, and what was queued is written.
@pytest.mark.parametrize("outage", [locked, pytest.param(full, marks=pytest.mark.prove)])
def test_long_outage_of_the_disk_is_a_503_and_nothing_is_lost(
    fresh: Callable[..., Gateway], faulty: FaultyUpstream, outage: Callable[..., AbstractContextManager[None]]
) -> None:
    gateway = fresh()
    client = Client(gateway, gateway.token())
    question = f"long {outage.__name__}"
    with ExitStack() as stack:
        wires = [
            stack.enter_context(posting(client, message=question, model="my-paced", stream=stream))
            for stream in (False, True)
        ]
        until(lambda: len(visits(faulty, question)) == 2)

        with outage(gateway):
            began = time.monotonic()
            answers = [read(wire) for wire in wires]
            told_s = time.monotonic() - began
            refused(client.ask("meanwhile", model="my-ok"), 503, "overloaded")
            assert client.get("/health").json()["status"] == "degraded"
            assert soundness(gateway) == "ok"
        found_s = until(lambda: client.ask("afterwards", model="my-ok").status_code == 200)

    figure(f"{outage.__name__}: told after {told_s:.1f} s, well again {found_s:.1f} s after its end")
    assert [(answer.status, error_of(answer)) for answer in answers] == [(503, "overloaded"), (200, "overloaded")]
    assert visits(faulty, "meanwhile") == []
    late = {answer.headers["x-request-id"] for answer in answers}
    until(lambda: late <= {row["request_id"] for row in gateway.books()})
    ids = [row["request_id"] for row in gateway.books()]
    assert len(ids) == len(set(ids)) == 3
    figure(
        f"rows of those who were told `overloaded`: {[r['status'] for r in gateway.books() if r['request_id'] in late]}"
    )
    assert found_s < 5
    assert client.get("/health").json()["status"] == "healthy"
    assert "Traceback" not in gateway.log
