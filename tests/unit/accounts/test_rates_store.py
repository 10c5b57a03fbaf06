"""Rate limits hammered by several processes on one database or Valkey, and counters that nobody needs any more."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.limits.gcra import MINUTE_NS, Rate, step_ns
from accounts.limits.rates_store import (
    FORGOTTEN_AFTER_NS,
    give_rates_back,
    read_tats,
    sweep_rates,
    take_rates,
    write_tats,
)
from storage.migrations import upgrade
from storage.script import Database

HAMMER = Path(__file__).with_name("hammer.py")
ROOT = Path(__file__).parents[3]
LIMIT, PROCESSES, SECONDS = 500, 3, 2
CLOCKS_DIFFER_NS = 10_000_000  # what a process knows of the server's clock
NOW = 1_800_000_000_000_000_000


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def place(request, tmp_path) -> str:
    if request.param == "valkey":
        return request.getfixturevalue("valkey_url")
    url = f"sqlite:///{tmp_path}/router.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    upgrade(url)
    return url


def test_several_processes_together_pass_exactly_the_limit_and_what_came_back_meanwhile(place):
    command = [sys.executable, HAMMER, place, str(SECONDS)]
    ways = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, **ways) for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()

    told = [[int(figure) for figure in process.communicate(timeout=60)[0].split()] for process in processes]

    passed = sum(count for count, *_ in told)
    first, first_done, last, last_done = zip(*[times for _, *times in told], strict=True)
    at_most = (max(last_done) - min(first) + CLOCKS_DIFFER_NS) // step_ns(LIMIT)
    at_least = (max(last) - min(first_done) - CLOCKS_DIFFER_NS) // step_ns(LIMIT)
    assert LIMIT + at_least <= passed <= LIMIT + at_most


async def taken(database: Database, rates, now_ns: int):
    return await database.write(lambda: take_rates(rates, now_ns))


async def kept(database: Database, *counters: str) -> dict[str, int]:
    return await database.write(lambda: read_tats(counters))


@pytest.mark.anyio
async def test_a_refused_request_takes_of_no_limit(database):
    rates = [Rate("requests:key:a", 10, 1), Rate("tokens:key:a", 100, 80)]
    await taken(database, rates, NOW)
    before = await kept(database, "requests:key:a", "tokens:key:a")

    verdict = await taken(database, rates, NOW)

    assert verdict.refused == verdict.levels[1]
    assert verdict.refused.rate.counter == "tokens:key:a"
    assert verdict.refused.retry_after_ns == 60 * step_ns(100)
    assert await kept(database, "requests:key:a", "tokens:key:a") == before


@pytest.mark.anyio
async def test_what_is_given_back_passes_again(database):
    await taken(database, [Rate("tokens:key:a", 100, 100)], NOW)

    await database.write(lambda: give_rates_back([Rate("tokens:key:a", 100, 40), Rate("tokens:key:new", 100, 40)]))

    assert (await taken(database, [Rate("tokens:key:a", 100, 41)], NOW)).refused is not None
    assert (await taken(database, [Rate("tokens:key:a", 100, 40)], NOW)).refused is None


def test_no_limits_need_no_database():
    assert not list(take_rates([], NOW))
    assert not list(give_rates_back([]))


@pytest.mark.anyio
async def test_counters_long_whole_again_are_deleted_and_no_others(database):
    old = {f"requests:key:{number}": NOW - FORGOTTEN_AFTER_NS - 1 for number in range(1500)}
    new = {"requests:key:new": NOW - MINUTE_NS, "requests:key:busy": NOW + MINUTE_NS}
    await database.write(lambda: write_tats(old | new))

    gone = [await database.write(lambda: sweep_rates(NOW)) for _ in range(3)]

    assert gone == [1000, 500, 0]
    assert await kept(database, *new) == new


@pytest.mark.anyio
async def test_first_requests_at_one_moment_pass_the_limit_exactly(database):
    rates = [Rate("requests:key:a", 20, 1), Rate("requests:project:p", 1000, 1)]

    verdicts = await asyncio.gather(*[taken(database, rates, NOW) for _ in range(50)])

    assert sum(verdict.refused is None for verdict in verdicts) == 20
