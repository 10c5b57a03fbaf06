"""Replicas killed under load: what was answered is in the books once, and what the dead held is given back."""

import asyncio
import random
import re
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.accounts.accounting import assert_booked_once, spent_by, statuses
from tests.accounts.asking import Ask, Told, tell_balanced
from tests.accounts.honest import Script, text_of
from tests.accounts.watch import Watch, watched
from tests.faults.served import figure, until
from tests.faults.upstream import FaultyUpstream
from tests.replicas import LEASE_S, Key, Replicas

AT_ONCE = 12
BETWEEN_KILLS_S = 0.5
ALLOWED_AFTER_LEASE_S = 5.0


class Ordeal(NamedTuple):
    """What clients were told during the kills, what the budget looked like, and how many replicas died."""

    told: list[Told]
    watch: Watch
    kills: int


async def through_kills(replicas: Replicas, key: Key, budget: dict[str, Any], kills: int, seed: int) -> Ordeal:
    """Keep asking through the load balancer while one replica after the other is killed and started again."""
    chance, told, over = random.Random(seed), [], asyncio.Event()

    async def work(name: int) -> None:
        number = 0
        while not over.is_set():
            script = Script(chance.randrange(5, 60), chance.randrange(5, 200))
            fields = {
                "message": f"kill{seed}-{name}-{number} {script}",
                "model": "my-honest",
                "agent": chance.choice(["V1", "V2"]),
                "stream": chance.random() < 0.5,
                "max_tokens": 60,
            }
            number += 1
            told.append(await tell_balanced(replicas.next, Ask(fields, key.value)))

    # One replica at least goes on serving; of one, none does meanwhile.
    starting = asyncio.Semaphore(max(1, len(replicas.gateways) - 1))
    turns = [asyncio.Lock() for _ in replicas.gateways]

    async def kill_and_start(victim: int) -> None:
        async with turns[victim]:
            await asyncio.to_thread(replicas.kill, victim)
            await asyncio.to_thread(replicas.gateways[victim].start)
            starting.release()

    async def reap() -> None:
        async with asyncio.TaskGroup() as restarts:
            for kill in range(kills):
                await starting.acquire()
                await asyncio.sleep(BETWEEN_KILLS_S)
                restarts.create_task(kill_and_start(kill % len(replicas.gateways)))
        over.set()

    async with watched(replicas, {budget["id"]: Decimal(budget["limit"])}) as watch, asyncio.TaskGroup() as group:
        group.create_task(reap())
        for name in range(AT_ONCE):
            group.create_task(work(name))
    return Ordeal(told, watch, kills)


def kill_replicas(replicas: Replicas, vendor: FaultyUpstream, kills: int, patience_s: float) -> None:
    """Kill under load; check the books and what is held."""
    seed = random.randrange(10_000)
    admin = replicas.admin
    key = admin.key(name=f"kills {seed}")
    budget = admin.budget("1000", scope="project", scope_id=key.project)

    ordeal = asyncio.run(through_kills(replicas, key, budget, kills, seed))
    released_s = until(lambda: admin.figures(budget["id"]).reserved == 0, patience_s)

    rows = replicas.rows_of(key.project)
    answered = [told for told in ordeal.told if told.answered]
    seen = {found for request in vendor.requests for found in re.findall(rf"kill{seed}-\S+", text_of(request))}
    ended = statuses(rows)
    figure(
        f"seed {seed}, {kills} kills: {len(ordeal.told)} requests, {len(answered)} answered, rows {ended}; "
        f"nothing reserved {released_s:.1f} s after the last; looked {ordeal.watch.looks}"
    )
    assert ordeal.watch.broken == []
    assert_booked_once(ordeal.told, rows)
    assert ended.get("unknown", 0) > 0
    assert len(rows) >= len(seen)
    assert {told.status for told in ordeal.told} <= {200, 503, None}
    assert admin.figures(budget["id"]).spent == spent_by(rows, "EUR")
    assert replicas.complaints() == []
    admin.drop_budget(budget["id"])


# Must-show 2.
def test_ten_kills_of_replicas_lose_nothing_and_hold_nothing(trio: Replicas, vendor: FaultyUpstream) -> None:
    kill_replicas(trio, vendor, 10, LEASE_S + ALLOWED_AFTER_LEASE_S)


def test_restart_over_sqlite_gives_back_at_once(pair: Replicas, vendor: FaultyUpstream) -> None:
    kill_replicas(pair, vendor, 2, ALLOWED_AFTER_LEASE_S)


@pytest.mark.prove
def test_a_hundred_kills_of_replicas_lose_nothing_and_hold_nothing(trio: Replicas, vendor: FaultyUpstream) -> None:
    kill_replicas(trio, vendor, 100, LEASE_S + ALLOWED_AFTER_LEASE_S)


@pytest.mark.prove
def test_a_hundred_restarts_over_sqlite_give_back_at_once(pair: Replicas, vendor: FaultyUpstream) -> None:
    kill_replicas(pair, vendor, 100, ALLOWED_AFTER_LEASE_S)
