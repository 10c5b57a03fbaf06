"""One contract for both writers: acknowledged is in, the guilty alone is refused, closing writes what waits."""

import asyncio

import pytest

from storage.clerk import Plain
from storage.errors import StorageDown, UnitRefused
from storage.script import Query, Write
from storage.statement import delete_from, insert_into
from tests.contract.databases import asking, opened, projects, writing

pytestmark = pytest.mark.anyio

PROJECT = insert_into("projects", ("id", "name", "created_at"), rank=0)
GONE = delete_from("projects", "id", rank=1)


def project(name, title="A project"):
    return Plain([(PROJECT, (name, title, "2026-11-22"))])


def gone(name):
    return Plain([(GONE, (name,))])


class Numbering:
    """A clerk whose outcomes are the numbers drawn for its units, and who remembers what is in."""

    def __init__(self):
        self.remembered = []

    def batch(self, units, now_ns):
        assert now_ns > 0
        return NumberedBatch(self, units)


class NumberedBatch:
    lasts = False

    def __init__(self, clerk, units):
        self._clerk, self._units = clerk, units

    def script(self):
        outcomes = []
        for unit in self._units:
            rows = yield Query("UPDATE revision SET number = number + 1 RETURNING number")
            yield Write(PROJECT, [unit.work[0][1]])
            outcomes.append(rows[0][0])
        return outcomes

    def committed(self):
        self._clerk.remembered += [unit.work[0][1][0] for unit in self._units]


async def names(url):
    async with opened(url) as database:
        return await projects(database)


async def test_acknowledged_units_are_in_whatever_their_number(url):
    async with writing(url) as writer:
        await asyncio.gather(*(writer.submit(project(f"p{n:04}"), durable=n % 2 == 0) for n in range(1500)))

        assert await names(url) == [f"p{n:04}" for n in range(1500)]
        assert writer.healthy


async def test_each_unit_has_its_own_outcome_and_only_what_is_in_is_remembered(url):
    clerk = Numbering()
    async with writing(url, clerk) as writer:
        futures = [writer.submit(project(name), durable=True) for name in ("p1", "p2", "p1", "p3")]
        results = await asyncio.gather(*futures, return_exceptions=True)

    assert results[:2] + results[3:] == [2, 3, 4]
    assert isinstance(results[2], UnitRefused)
    assert clerk.remembered == ["p1", "p2", "p3"]


async def test_refused_unit_leaves_no_trace_and_its_neighbours_are_in(url):
    poison = Plain([*project("half").work, *gone("\ud800").work])
    units = [project("p1"), poison, project("p2", "\ud800"), project("p3"), project("p4", None)]

    async with writing(url) as writer:
        results = await asyncio.gather(*(writer.submit(unit, durable=True) for unit in units), return_exceptions=True)

    assert [type(result) for result in results] == [type(None), UnitRefused, UnitRefused, type(None), UnitRefused]
    assert await names(url) == ["p1", "p3"]


async def test_what_opens_in_the_same_commit_runs_before_what_closes(url):
    async with writing(url) as writer:
        await asyncio.gather(*(writer.submit(unit, durable=True) for unit in (gone("p1"), project("p1"))))

    assert await names(url) == []


async def test_cancelling_who_waits_does_not_take_the_unit_back(url):
    async with writing(url) as writer:
        writer.submit(project("p1"), durable=True).cancel()
        await writer.submit(project("p2"), durable=True)

    assert await names(url) == ["p1", "p2"]


async def test_admissions_beyond_the_backlog_are_refused_and_settlements_are_not(url):
    async with writing(url, most_waiting=2) as writer:
        futures = [writer.submit(project(f"a{n}"), durable=False) for n in range(3)]
        settlement = writer.submit(project("s1"), durable=True)
        results = await asyncio.gather(*futures, return_exceptions=True)
        await settlement

    assert [type(result) for result in results] == [type(None), type(None), StorageDown]
    assert await names(url) == ["a0", "a1", "s1"]


async def test_closing_writes_what_waits_and_nothing_is_taken_afterwards(url, capsys):
    async with writing(url) as writer:
        waiting = [writer.submit(project(f"p{n}"), durable=True) for n in range(50)]
    late = writer.submit(project("late"), durable=True)

    await asyncio.gather(*waiting)
    assert len(await names(url)) == 50
    assert isinstance(late.exception(), StorageDown)
    assert '"late"' in capsys.readouterr().err


async def test_two_writers_and_scripts_beside_them_all_get_their_turn(url):
    async with writing(url) as one, writing(url) as other, opened(url) as database:
        units = [writer.submit(project(f"{n}"), durable=True) for n, writer in enumerate([one, other] * 50)]
        scripts = [database.write(asking("UPDATE revision SET number = number + 1")) for _ in range(10)]
        await asyncio.gather(*units, *scripts)

        assert await database.read(asking("SELECT number FROM revision")) == [(11,)]
    assert len(await names(url)) == 100
