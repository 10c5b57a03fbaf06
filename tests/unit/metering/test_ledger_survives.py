"""The ledger through kills and full disks: nothing acknowledged is lost, nothing is there twice."""

import asyncio
import os
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest
from msgspec import json

from storage.journal import Journal
from storage.owners import Owner
from tests.unit.metering.books import close_the_dead, journals, lines, opened, query
from tests.unit.metering.samples import admission, entry

ROOT = Path(__file__).parents[3]
CALLS_OF_EACH = "SELECT request_id, count(*) AS calls FROM ledger_calls GROUP BY request_id"


def start(module: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.unit.metering.{module}", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def told_by(process: subprocess.Popen[str], until_settled: float = inf) -> dict[str, set[str]]:
    told: dict[str, set[str]] = {"admitted": set(), "settled": set()}
    assert process.stdout
    for line in process.stdout:
        word, request_id = line.split()
        told[word].add(request_id)
        if len(told["settled"]) == until_settled:
            process.kill()
    return told


def test_killed_processes_lose_nothing_they_acknowledged(folder):
    with start("storm", folder) as victim, start("storm", folder) as sibling:
        assert sibling.stdout
        assert sibling.stdout.readline().startswith("admitted")
        first = told_by(victim, until_settled=500)
        closed = close_the_dead(folder)
        sibling.kill()
        second = told_by(sibling)
    closed_later = close_the_dead(folder)

    book = {line.request_id: line for line in lines(folder)}
    unknown = {request_id for request_id, line in book.items() if line.status == "unknown"}
    assert len(lines(folder)) == len(book)
    assert first["admitted"] | second["admitted"] <= book.keys()
    assert not unknown & (first["settled"] | second["settled"])
    assert closed > 0
    assert closed_later > 0
    assert len(unknown) == closed + closed_later
    assert journals(folder) == []
    assert list((folder / "owners").iterdir()) == []
    counted = {row["request_id"]: row["calls"] for row in query(folder, CALLS_OF_EACH)}
    assert all(counted.get(request_id, 0) == (line.attempts or 0) for request_id, line in book.items())


@pytest.mark.anyio
async def test_open_requests_of_the_living_are_left_alone_and_those_of_the_dead_have_no_figures(folder):
    async with opened(folder) as sibling:
        sibling.admit(admission("alive"))
        owner = Owner(folder / "owners")
        Journal(folder / "journals" / owner.id).open("abandoned", json.encode(admission("abandoned")))
        os.close(owner._descriptor)

        starts = await asyncio.gather(*(asyncio.to_thread(close_the_dead, folder) for _ in range(4)))
        await sibling.append(entry("alive"))

    assert sum(starts) == 1
    unknown, alive = lines(folder)
    assert (unknown.request_id, unknown.status) == ("abandoned", "unknown")
    assert (unknown.cost_eur, unknown.emissions_kg, unknown.input_tokens, unknown.attempts) == (None,) * 4
    assert (alive.request_id, alive.status) == ("alive", "ok")


def test_full_disk_acknowledges_nothing_loses_nothing_and_passes(folder):
    with start("full_disk", folder) as process:
        told, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert told.splitlines() == [
        "acknowledged while full: 0",
        "admission refused: True",
        "healthy: False",
        "healthy: True",
        "admission refused: False",
    ]
    expected = [f"{when}-{n}" for when in ("before", "during") for n in range(20)]
    assert sorted(line.request_id for line in lines(folder)) == sorted(expected)
