"""How long a report of a month over a million requests takes, checked to the last digit."""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from metering.hours import UPSERT_HOUR, Sums, added, row_of
from metering.hours import Place as Cell
from metering.ledger_store import APPEND
from metering.question import CARBON, EURO, SPLIT_EURO, Question
from metering.reports import Reports
from storage.migrations import upgrade
from storage.sqlite import Sqlite
from storage.statement import sql

MONTH = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30
END = MONTH + timedelta(days=DAYS)
PROJECTS = [f"proj-{n}" for n in range(5)]
KEYS = [f"key_{n}" for n in range(3)]
MODELS = ["gpt-4o", "gpt-4o-mini", "mistral-large-latest", "mistral-small-latest"]
METHOD = "ecologits==0.11.3"
WITHIN_S = 0.2


def main() -> None:
    """Fill a book, ask it, print how long each report took, and end with 1 if one was slow or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--laps", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "router.db"
        upgrade(f"sqlite:///{database}")
        began = time.perf_counter()
        total = fill(database, given.requests)
        print(f"{given.requests:,} requests over {DAYS} days, filled in {time.perf_counter() - began:.0f} s")
        good = asyncio.run(measure(Reports(Sqlite(database)), total, given.laps))
    raise SystemExit(0 if good else 1)


async def measure(reports: Reports, total: Sums, laps: int) -> bool:
    """Print the median and the slowest wall time of each report; return whether all were quick and right."""
    good = True
    print(f"{'report':44} {'median ms':>10} {'slowest ms':>11} {'lines':>6}")
    for name, question in questions().items():
        times: list[float] = []
        for _ in range(laps):
            began = time.perf_counter()
            lines = await reports.lines(question)
            times.append(time.perf_counter() - began)
        median = statistics.median(times)
        whole = (question.start, question.end, question.projects) == (MONTH, END, None)
        right = not whole or sum(line.sums.requests for line in lines) == total.requests
        if whole and "cost_eur" in question.amounts:
            right = right and sum(line.sums.cost_eur or 0 for line in lines) == total.cost_eur
        good = good and right and median < WITHIN_S
        print(f"{name:44} {median * 1e3:10.1f} {max(times) * 1e3:11.1f} {len(lines):6}{'' if right else '  WRONG'}")
    return good


def questions() -> dict[str, Question]:
    """Return what is asked, by name."""
    month = {"start": MONTH, "end": END}
    cut = {"start": MONTH + timedelta(minutes=17), "end": END - timedelta(minutes=23)}
    return {
        "completions by day": Question(**month, width="1d"),
        "completions by day, model and project": Question(**month, width="1d", by=("model", "project_id")),
        "costs by day and project": Question(**month, width="1d", by=("project_id",), amounts=EURO),
        "costs by day and line item": Question(**month, width="1d", by=("resolved_model",), amounts=SPLIT_EURO),
        "one project's own figures (GET /usage)": Question(
            **month, projects=(PROJECTS[0],), amounts=("cost_eur", "emissions_kg")
        ),
        "the same, hours cut at both ends": Question(
            **cut, projects=(PROJECTS[0],), amounts=("cost_eur", "emissions_kg")
        ),
        "emissions by day, method and basis": Question(**month, width="1d", by=("method", "basis"), amounts=CARBON),
        "a day by the minute": Question(
            start=MONTH + timedelta(days=9), end=MONTH + timedelta(days=10), width="1m", amounts=EURO
        ),
    }


def fill(database: Path, requests: int) -> Sums:
    """Write the entries and their hours; return the sum of all."""
    hours: dict[Cell, Sums] = {}
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executemany(sql(APPEND, 1), entries(requests, hours))
        connection.executemany(sql(UPSERT_HOUR, 1), [row_of(*each) for each in hours.items()])
        connection.commit()
        connection.execute("ANALYZE")
    print(f"{len(hours):,} rows of hours")
    total = Sums()
    for sums in hours.values():
        total = added(total, sums)
    return total


def entries(requests: int, hours: dict[Cell, Sums]) -> Iterator[tuple[object, ...]]:
    """Yield the rows of requests spread evenly over the month, and sum them into their hours."""
    step = (END - MONTH) / requests
    for number in range(requests):
        opened_at = (MONTH + number * step).isoformat(timespec="microseconds")
        project, key = PROJECTS[number % 5], KEYS[number % 3]
        model = MODELS[number % 4]
        cost, kg = Decimal(1000 + number % 9973).scaleb(-9), Decimal(1000 + number % 7919).scaleb(-12)
        sums = Sums(
            *(1, 0, 0, 1, 300, 1, 1, 1, 700, 300, 0),
            *(cost, cost, Decimal(0), kg, kg, kg, kg, kg, kg),
        )
        cell = Cell(opened_at[:13], "bench", project, key, "user", model, model, "ecologits", "USA", METHOD, "")
        known = hours.get(cell)
        hours[cell] = sums if known is None else added(known, sums)
        carbon = str(kg)
        yield (
            *(f"req-{number}", opened_at, "/completion", "V2", model, project, "user", key, opened_at, "ok", 0),
            *(700, 300, 1000, 0.5, None, 0.001, str(cost), carbon, carbon, carbon, carbon, carbon, carbon),
            *(METHOD, None, "provider", 1, model, "[]"),
        )


if __name__ == "__main__":
    main()
