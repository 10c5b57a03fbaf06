"""Two workers behind one port: one set of figures, and a killed worker costs its own calls and nothing else."""

import os
import re
import select
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.faults.books import soundness, unmetered
from tests.faults.served import figure, until, visits
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Client, Gateway
from tests.wire import posting, read

ASKED = 40
HUNG = 24
LIVE = 8
RESTARTED_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def pair(fresh: Callable[..., Gateway]) -> Gateway:
    gateway = fresh(ROUTER_WORKERS="2")
    until(lambda: len(workers(gateway)) == 2)
    return gateway


@pytest.fixture(scope="module")
def client(pair: Gateway) -> Client:
    return Client(pair, pair.token())


def workers(gateway: Gateway) -> set[int]:
    """Return the processes that serve; the parent has others, which only watch."""
    parent = gateway.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def sockets(pid: int) -> int:
    """Return how many sockets a process holds: one that is still starting has no calls to lose."""
    return sum(Path(file).readlink().name.startswith("socket:") for file in Path(f"/proc/{pid}/fd").iterdir())


def sample(gateway: Gateway, name: str) -> float:
    """Return the sum of a metric over its labels."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", gateway.metrics(), re.MULTILINE)
    return sum(map(float, found))


def test_figures_are_those_of_all_workers_whichever_answers(client: Client, pair: Gateway) -> None:
    for number in range(ASKED):
        # A client of its own, for a connection of its own.
        assert Client(pair, client.token).ask(f"Bonjour {number}", model="my-ok").status_code == 200

    told = [(sample(pair, "router_tokens_total"), sample(pair, "router_latency_seconds_count")) for _ in range(8)]
    assert set(told) == {(ASKED * 16.0, float(ASKED))}


def test_killed_worker_costs_its_own_calls_and_nothing_else(
    client: Client, pair: Gateway, faulty: FaultyUpstream
) -> None:
    before = workers(pair)
    with ExitStack() as stack:
        wires = [
            stack.enter_context(posting(client, message="hung", project_id="hung", model="my-hang"))
            for _ in range(HUNG)
        ]
        until(lambda: len(visits(faulty, "hung")) == HUNG)
        assert sample(pair, "router_inflight_requests") == HUNG

        os.kill(max(before, key=sockets), signal.SIGKILL)
        took = until(lambda: len(workers(pair) - before) == 1 and unmetered(pair))
        broken = len(select.select(wires, [], [], 0)[0])

        figure(f"a killed worker was replaced in {took:.1f} s; {broken} of {HUNG} calls were its own")
        assert took < RESTARTED_WITHIN_S
        assert unmetered(pair) == broken > 0
        assert sample(pair, "router_inflight_requests") == HUNG - broken
        assert client.ask("Bonjour", model="my-ok").status_code == 200
    until(lambda: sample(pair, "router_inflight_requests") == 0)
    until(lambda: len([row for row in pair.books() if row["project_id"] == "hung"]) == HUNG)
    ended = Counter(row["status"] for row in pair.books() if row["project_id"] == "hung")
    assert ended == Counter(unknown=broken, client_gone=HUNG - broken)
    assert sample(pair, "router_tokens_total") >= (ASKED + 1) * 16


def test_stop_lets_both_workers_end_what_they_began(client: Client, pair: Gateway, faulty: FaultyUpstream) -> None:
    left = workers(pair)
    with ExitStack() as stack:
        wires = [
            stack.enter_context(posting(client, message="last", project_id="last", model="my-paced", stream=True))
            for _ in range(LIVE)
        ]
        until(lambda: len(visits(faulty, "last")) == LIVE)

        assert pair.stop() == 0

        events = [read(wire).events for wire in wires]
    assert [(each[-1]["done"], each[-1].get("error")) for each in events] == [(True, None)] * LIVE
    assert [pid for pid in left if Path(f"/proc/{pid}").exists()] == []
    assert Counter(row["status"] for row in pair.books() if row["project_id"] == "last") == Counter(ok=LIVE)
    assert soundness(pair) == "ok"
    assert "Traceback" not in pair.log


def test_workers_end_with_their_parent_and_free_the_port(pair: Gateway) -> None:
    pair.start()
    until(lambda: len(workers(pair)) == 2)
    orphans = workers(pair)

    pair.process.kill()
    pair.process.wait()

    took = until(lambda: not any(lives(pid) for pid in orphans), RESTARTED_WITHIN_S)
    figure(f"workers ended {took:.1f} s after their parent was killed")
    pair.start()
    assert until(lambda: len(workers(pair)) == 2) < RESTARTED_WITHIN_S


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
