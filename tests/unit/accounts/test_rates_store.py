"""Rate limits hammered by several processes on one database or Valkey, and counters that nobody needs any more."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.gcra import MINUTE_NS, Rate, step_ns
from accounts.rates_store import FORGOTTEN_AFTER_NS, give_rates_back, read_tats, sweep_rates, take_rates, write_tats
from storage.sqlite import Sqlite

HAMMER = Path(__file__).with_name("hammer.py")
ROOT = Path(__file__).parents[3]
LIMIT, PROCESSES, SECONDS = 500, 3, 2
NOW = 1_800_000_000_000_000_000


@pytest.fixture(params=["sqlite", "valkey"])
def place(request) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("database_path"))
    return request.getfixturevalue("valkey_url")


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
    at_most = (max(last_done) - min(first)) // step_ns(LIMIT)
    at_least = (max(last) - min(first_done)) // step_ns(LIMIT)
    assert LIMIT + at_least <= passed <= LIMIT + at_most


@pytest.fixture
def database(database_path) -> Sqlite:
    return Sqlite(database_path)


def taken(database: Sqlite, rates, now_ns: int):
    return database.write_now(lambda: take_rates(rates, now_ns))


def kept(database: Sqlite, *counters: str) -> dict[str, int]:
    return database.write_now(lambda: read_tats(counters))


def test_a_refused_request_takes_of_no_limit(database):
    rates = [Rate("requests:key:a", 10, 1), Rate("tokens:key:a", 100, 80)]
    taken(database, rates, NOW)
    before = kept(database, "requests:key:a", "tokens:key:a")

    verdict = taken(database, rates, NOW)

    assert verdict.refused == verdict.levels[1]
    assert verdict.refused.rate.counter == "tokens:key:a"
    assert verdict.refused.retry_after_ns == 60 * step_ns(100)
    assert kept(database, "requests:key:a", "tokens:key:a") == before


def test_what_is_given_back_passes_again(database):
    whole = [Rate("tokens:key:a", 100, 100)]
    taken(database, whole, NOW)

    database.write_now(lambda: give_rates_back([Rate("tokens:key:a", 100, 40), Rate("tokens:key:new", 100, 40)]))

    assert taken(database, [Rate("tokens:key:a", 100, 41)], NOW).refused is not None
    assert taken(database, [Rate("tokens:key:a", 100, 40)], NOW).refused is None


def test_no_limits_need_no_database():
    assert not list(take_rates([], NOW))
    assert not list(give_rates_back([]))


def test_counters_long_whole_again_are_deleted_and_no_others(database):
    old = {f"requests:key:{number}": NOW - FORGOTTEN_AFTER_NS - 1 for number in range(1500)}
    new = {"requests:key:new": NOW - MINUTE_NS, "requests:key:busy": NOW + MINUTE_NS}
    database.write_now(lambda: write_tats(old | new))

    gone = [database.write_now(lambda: sweep_rates(NOW)) for _ in range(3)]

    assert gone == [1000, 500, 0]
    assert kept(database, *new) == new


def test_scripts_of_many_tasks_pass_the_limit_exactly(database):
    rates = [Rate("requests:key:a", 20, 1)]

    async def storm() -> int:
        work = [database.write(lambda: take_rates(rates, NOW)) for _ in range(50)]
        return sum(verdict.refused is None for verdict in await asyncio.gather(*work))

    assert asyncio.run(storm()) == 20
