"""Clients that keep asking while something bad is done to those who answer."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.accounts.asking import Ask, Told, tell_balanced
from tests.accounts.honest import Script
from tests.accounts.watch import Watch, watched
from tests.faults.served import until
from tests.faults.test_workers import workers
from tests.replicas import Key, Replicas

AT_ONCE = 12
BETWEEN_KILLS_S = 0.5

Harm = Callable[[], Awaitable[None]]


@dataclass
class Ordeal:
    """What clients were told and what their budget looked like meanwhile."""

    told: list[Told]
    watch: Watch


def questions(key: Key, seed: int, name: int) -> Iterator[Ask]:
    """Make requests without end, each with a name of its own."""
    chance, number = random.Random(seed + name), 0
    while True:
        script = Script(chance.randrange(5, 60), chance.randrange(5, 200))
        fields = {
            "message": f"ordeal{seed}-{name}-{number} {script}",
            "model": "my-honest",
            "agent": chance.choice(["V1", "V2"]),
            "stream": chance.random() < 0.5,
            "max_tokens": 60,
        }
        number += 1
        yield Ask(fields, key.value)


async def endured(replicas: Replicas, key: Key, budget: dict[str, Any], harm: Harm, seed: int) -> Ordeal:
    """Keep asking through the load balancer until the harm is done, with an eye on the budget."""
    told: list[Told] = []
    over = asyncio.Event()

    async def work(name: int) -> None:
        for ask in questions(key, seed, name):
            if over.is_set():
                return
            each = await tell_balanced(replicas.next, ask)
            told.append(each)
            # Whoever is told to come later does not come at once.
            await asyncio.sleep(0 if each.status == 200 else 0.05)

    async with watched(replicas, {budget["id"]: Decimal(budget["limit"])}) as watch, asyncio.TaskGroup() as group:
        for name in range(AT_ONCE):
            group.create_task(work(name))
        try:
            await harm()
        finally:
            over.set()
    return Ordeal(told, watch)


def killing_replicas(replicas: Replicas, kills: int) -> Harm:
    """Kill one replica after the other and start it again; while one starts, the next is killed, but never the last."""

    async def harm() -> None:
        spare = asyncio.Semaphore(max(1, len(replicas.gateways) - 1))
        turns = [asyncio.Lock() for _ in replicas.gateways]

        async def kill_and_start(victim: int) -> None:
            async with turns[victim]:
                await asyncio.to_thread(replicas.kill, victim)
                await asyncio.to_thread(replicas.gateways[victim].start)
            spare.release()

        async with asyncio.TaskGroup() as restarts:
            for kill in range(kills):
                await spare.acquire()
                await asyncio.sleep(BETWEEN_KILLS_S)
                restarts.create_task(kill_and_start(kill % len(replicas.gateways)))

    return harm


def killing_workers(replicas: Replicas, kills: int) -> Harm:
    """Kill one worker after the other; the gateway replaces it."""
    gateway = replicas.gateways[0]

    async def harm() -> None:
        for _ in range(kills):
            await asyncio.sleep(BETWEEN_KILLS_S)
            before = workers(gateway)
            victim = min(before)
            os.kill(victim, signal.SIGKILL)
            await asyncio.to_thread(until, lambda before=before: len(workers(gateway) - before) == 1)

    return harm
