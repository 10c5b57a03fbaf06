"""One of several processes that ask for one limit as fast as they can, on a database or in Valkey.

It prints how many passed, and four times in nanoseconds: before and after its first requests, before and after its
last, of which one was refused.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from accounts.limits.gcra import Rate, Verdict
from accounts.limits.rates_store import take_rates
from accounts.limits.valkey_rates import ValkeyRates
from storage.postgres import Postgres
from storage.script import Database
from storage.sqlite import Sqlite

RATES = [Rate("requests:key:a", 500, 1), Rate("tokens:key:a", 10**9, 3)]
AT_ONCE = 8

Take = Callable[[], Awaitable[Verdict]]


async def hammer(take: Take, seconds: float) -> tuple[int, ...]:
    """Return what is printed."""
    passed, rounds = 0, []
    until = time.monotonic() + seconds
    refused = False
    while time.monotonic() < until or not refused:
        began = time.time_ns()
        verdicts = await asyncio.gather(*[take() for _ in range(AT_ONCE)])
        rounds.append((began, time.time_ns()))
        refused = any(verdict.refused is not None for verdict in verdicts)
        passed += sum(verdict.refused is None for verdict in verdicts)
    return passed, *rounds[0], *rounds[-1]


async def main(place: str, seconds: float) -> tuple[int, ...]:
    """Hammer the place."""
    if place.startswith("redis"):
        valkey = ValkeyRates(place)
        told = await hammer(lambda: valkey.take(RATES), seconds)
        await valkey.aclose()
        return told
    file = place.removeprefix("sqlite:///")
    database: Database = Postgres(place) if file == place else Sqlite(Path(file))
    told = await hammer(lambda: database.write(lambda: take_rates(RATES, database.clock_ns())), seconds)
    await database.aclose()
    return told


if __name__ == "__main__":
    sys.stdin.readline()
    print(*asyncio.run(main(sys.argv[1], float(sys.argv[2]))))  # noqa: T201 - the test reads it
