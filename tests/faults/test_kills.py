"""What a kill, a stop, a locked database and a full disk leave in the books: everything that was answered, once."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.books import soundness, unmetered
from tests.faults.crowd import Crowd, Member, figures
from tests.faults.served import figure, rows_by_project, until
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Client, Gateway


def kill_amid_a_crowd(gateway: Gateway, faulty: FaultyUpstream, size: int) -> None:
    """Kill the gateway twice while a crowd asks; check the books."""
    seed = random.randrange(10_000)
    crowd = Crowd(Client(gateway, gateway.token()), "my-brisk", size, seed)
    before = len(faulty.visits)

    with crowd.at_work():
        closed = [restart(gateway, crowd, size * part // 3) for part in (1, 2)]
    until(lambda: "router_inflight_requests 0.0" in gateway.metrics())

    rows = rows_by_project(gateway.books())
    assert gateway.stop() == 0
    asked = {visit.question for visit in faulty.visits[before:]}
    ended = Counter(row["status"] for own in rows.values() for row in own)
    figure(
        f"seed {seed}: {size} requests, {sum(m.leaves_after is not None for m in crowd.members)} of them to be cut, "
        f"2 kills: {len(crowd.answered)} answered, {len(asked)} reached the upstream, rows {dict(ended)}, "
        f"closed after the kills {closed}, last restart ready in {gateway.started_s:.1f} s"
    )
    assert {name: len(own) for name, own in rows.items() if len(own) != 1} == {}
    for member in crowd.answered:
        assert_booked(member, rows[member.name][0])
    assert asked <= rows.keys()
    assert ended.keys() <= {"ok", "client_gone", "unknown"}
    assert sum(closed) == ended["unknown"]
    assert soundness(gateway) == "ok"
    assert "Traceback" not in gateway.log


def restart(gateway: Gateway, crowd: Crowd, moment: int) -> int:
    """Kill the gateway once `moment` clients are done and start it again; return how many requests it closed."""
    until(lambda: crowd.done >= moment, 60)
    gateway.process.kill()
    gateway.process.wait()
    gateway.start()
    return unmetered(gateway)


def assert_booked(member: Member, row: dict[str, object]) -> None:
    assert member.error is None
    assert (row["status"], row["request_id"]) == ("ok", member.receipt["request_id"])
    assert figures(row) == figures(member.receipt)


# Must-show 4.
def test_answered_is_in_the_ledger_once_whatever_is_killed(
    fresh: Callable[..., Gateway], faulty: FaultyUpstream
) -> None:
    kill_amid_a_crowd(fresh(), faulty, 300)


@pytest.mark.prove
def test_answered_is_in_the_ledger_once_whatever_is_killed_at_length(
    fresh: Callable[..., Gateway], faulty: FaultyUpstream
) -> None:
    kill_amid_a_crowd(fresh(), faulty, 1000)
