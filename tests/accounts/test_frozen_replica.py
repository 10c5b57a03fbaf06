"""A replica that stands still for longer than its lease, and goes on: taken for dead, it may not spoil the books."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from tests.accounts.accounting import assert_booked_once, spent_by, statuses
from tests.accounts.asking import Ask, tell
from tests.accounts.honest import Script
from tests.accounts.watch import watched
from tests.faults.served import figure, until
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Gateway
from tests.replicas import LEASE_S, Replicas

IN_FLIGHT = 6


@contextmanager
def frozen(gateway: Gateway) -> Iterator[None]:
    """Stop the process during the block as a paused machine does."""
    assert gateway.process is not None
    os.kill(gateway.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(gateway.process.pid, signal.SIGCONT)


@pytest.mark.prove
def test_replica_that_was_taken_for_dead_books_nothing_twice(trio: Replicas, vendor: FaultyUpstream) -> None:
    admin, sleeper, other = trio.admin, trio.gateways[0], trio.gateways[1]
    key = admin.key()
    budget = admin.budget("0.05", scope="key", scope_id=key.id)
    message = f"frozen {Script(200, 500)}"
    asks = [
        Ask({"message": message, "model": "my-honest", "max_tokens": 400, "stream": number % 2 == 0}, key.value)
        for number in range(IN_FLIGHT)
    ]

    async def sleep_over() -> list[object]:
        async with watched(Replicas(trio.gateways[1:], shared_database=True), {budget["id"]: Decimal("0.05")}) as watch:
            asking = [asyncio.create_task(tell(sleeper, ask)) for ask in asks]
            await asyncio.to_thread(until, lambda: sum(message in x.question for x in vendor.visits) == IN_FLIGHT)
            with frozen(sleeper):
                quiet = lambda: admin.figures(budget["id"], at=other).reserved == 0  # noqa: E731 - said once
                await asyncio.to_thread(until, quiet, LEASE_S + 5)
                late = [await tell(other, Ask(asks[0].fields | {"stream": False}, key.value)) for _ in range(4)]
            told = [*await asyncio.gather(*asking), *late]
        assert watch.broken == []
        return told

    told = asyncio.run(sleep_over())
    until(lambda: admin.figures(budget["id"]).reserved == 0, LEASE_S + 5)

    rows = trio.rows_of(key.project)
    figure(f"rows {statuses(rows)}; told {Counter((each.status, each.code, each.answered) for each in told)}")
    assert_booked_once(told, rows)
    assert len(rows) == IN_FLIGHT + 4
    assert admin.figures(budget["id"]).spent == spent_by(rows, "EUR")
    admin.drop_budget(budget["id"])
    assert trio.complaints() == []
    assert admin.client(key, at=sleeper).ask("Bonjour", model="my-ok").status_code == 200
