"""The writer: acknowledged means written, neighbours are safe, bad times pass without loss."""

import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager, closing
from time import monotonic

import pytest

from storage.clerk import Plain, PlainClerk
from storage.database import open_to_write
from storage.errors import StorageDown, UnitRefused
from storage.group_commit import GroupCommit
from storage.script import Query, Write
from storage.statement import delete_from, insert_into
from storage.transactions import Transactions

pytestmark = pytest.mark.anyio

COLUMNS = ("request_id", "owner", "opened_at", "route", "agent", "model", "project_id", "subject")
OPEN = insert_into("opened", COLUMNS, rank=0)
CLOSE = delete_from("opened", "request_id", rank=1)


@pytest.fixture
def database(database):
    with closing(sqlite3.connect(database)) as connection:
        texts = ",".join(f"{column} TEXT NOT NULL" for column in COLUMNS)
        connection.execute(f"CREATE TABLE opened ({texts}, PRIMARY KEY (request_id)) STRICT")
    return database


def opening(name, subject="user"):
    return Plain(((OPEN, (name, "me", "2026-11-21", "/completion", "V2", "gpt-4o", "proj-default", subject)),))


def closing_(name):
    return Plain(((CLOSE, (name,)),))


def names(database):
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT request_id FROM opened")}


@asynccontextmanager
async def writing(database, clerk=None, **limits):
    writer = GroupCommit(database, clerk or PlainClerk(), **limits)
    try:
        yield writer
    finally:
        await writer.close(5)


class Numbered:
    """A clerk whose outcomes are the positions of the rows, and who remembers what is in."""

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
            yield Write(unit.work[0][0], [unit.work[0][1]])
            outcomes += yield Query("SELECT COUNT(*) FROM opened")
        return outcomes

    def committed(self):
        self._clerk.remembered += [unit.work[0][1][0] for unit in self._units]


async def accepted_again(writer, name, seconds=5.0):
    until = monotonic() + seconds
    while monotonic() < until:
        done, _ = await asyncio.wait([writer.submit(opening(name), durable=False)])
        if done.pop().exception() is None:
            return True
    return False


async def test_acknowledged_units_are_in_whatever_their_number(database):
    async with writing(database) as writer:
        await asyncio.gather(*(writer.submit(opening(f"r{n}"), durable=n % 2 == 0) for n in range(1000)))

        assert names(database) == {f"r{n}" for n in range(1000)}
        assert writer.healthy


async def test_refused_unit_leaves_no_trace_and_its_neighbours_are_in(database):
    poison = Plain((*opening("half").work, *closing_("\ud800").work))
    units = [opening("r1"), poison, opening("r2", "\ud800"), opening("r3", 2**63), opening("r4"), opening("r5", None)]

    async with writing(database) as writer:
        results = await asyncio.gather(*(writer.submit(unit, durable=True) for unit in units), return_exceptions=True)

    assert [type(result) for result in results] == [type(None), *[UnitRefused] * 3, type(None), UnitRefused]
    assert names(database) == {"r1", "r4"}


async def test_each_unit_has_its_own_outcome_and_only_what_is_in_is_remembered(database):
    clerk = Numbered()
    async with writing(database, clerk) as writer:
        futures = [writer.submit(opening(name), durable=True) for name in ("r1", "r2", "r1", "r3")]
        results = await asyncio.gather(*futures, return_exceptions=True)

    assert results[:2] + results[3:] == [(1,), (2,), (3,)]
    assert isinstance(results[2], UnitRefused)
    assert clerk.remembered == ["r1", "r2", "r3"]


async def test_what_opens_in_the_same_commit_runs_before_what_closes(database):
    async with writing(database) as writer:
        units = [closing_("r0"), opening("r1"), closing_("r1"), opening("r2"), closing_("r2")]
        await writer.submit(opening("r0"), durable=False)
        await asyncio.gather(*(writer.submit(unit, durable=True) for unit in units))

    assert names(database) == set()


async def test_cancelling_who_waits_does_not_take_the_unit_back(database):
    async with writing(database) as writer:
        writer.submit(opening("r1"), durable=True).cancel()
        await writer.submit(opening("r2"), durable=True)

    assert names(database) == {"r1", "r2"}


async def test_locked_database_refuses_admissions_and_keeps_settlements(database, locker):
    async with writing(database, busy_seconds=0.05) as writer:
        locker.lock()
        with pytest.raises(StorageDown):
            await writer.submit(opening("a1"), durable=False)
        settlement = writer.submit(opening("s1"), durable=True)
        at_once = writer.submit(opening("a2"), durable=False)

        assert isinstance(at_once.exception(), StorageDown)
        assert not writer.healthy
        done, _ = await asyncio.wait([settlement], timeout=0.3)
        assert not done

        locker.release()
        await settlement
        assert writer.healthy
        assert names(database) == {"s1"}


async def test_writer_recovers_by_itself_when_nothing_waits(database, locker):
    async with writing(database, busy_seconds=0.05) as writer:
        locker.lock()
        with pytest.raises(StorageDown):
            await writer.submit(opening("a1"), durable=False)

        until = monotonic() + 0.3
        while monotonic() < until:
            assert isinstance(writer.submit(opening("a2"), durable=False).exception(), StorageDown)

        locker.release()
        assert await accepted_again(writer, "a2")

    assert names(database) == {"a2"}


async def test_admission_handed_over_while_the_lock_is_awaited_is_refused_with_the_first(database, locker):
    async with writing(database, busy_seconds=0.2) as writer:
        locker.lock()
        first = writer.submit(opening("a1"), durable=False)
        await asyncio.wait([first], timeout=0.05)
        started = monotonic()
        second = writer.submit(opening("a2"), durable=False)
        await asyncio.wait([first, second])

        assert isinstance(first.exception(), StorageDown)
        assert isinstance(second.exception(), StorageDown)
        assert monotonic() - started < 0.35
        locker.release()


async def test_admissions_beyond_the_backlog_are_refused_and_settlements_are_not(database):
    async with writing(database, most_waiting=2) as writer:
        futures = [writer.submit(opening(f"a{n}"), durable=False) for n in range(3)]
        settlement = writer.submit(opening("s1"), durable=True)
        results = await asyncio.gather(*futures, return_exceptions=True)
        await settlement

    assert [type(result) for result in results] == [type(None), type(None), StorageDown]
    assert names(database) == {"a0", "a1", "s1"}


async def test_closing_writes_what_waits(database):
    async with writing(database) as writer:
        waiting = [writer.submit(opening(f"r{n}"), durable=True) for n in range(50)]

    await asyncio.gather(*waiting)
    assert len(names(database)) == 50


async def test_what_cannot_be_written_before_the_end_is_told_on_stderr(database, locker, capsys):
    writer = GroupCommit(database, PlainClerk(), busy_seconds=0.05)
    locker.lock()
    settlement = writer.submit(opening("s1"), durable=True)
    await writer.close(0.2)
    late = writer.submit(opening("s2"), durable=True)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["unwritten", "unwritten"]
    assert [line["work"][0]["row"]["request_id"] for line in lines] == ["s1", "s2"]
    assert lines[0]["work"][0]["table"] == "opened"
    assert isinstance(settlement.exception(), StorageDown)
    assert isinstance(late.exception(), StorageDown)
    assert not writer.healthy
    locker.release()


async def test_each_commit_keeps_the_promise_of_its_own_units(database):
    sure, quick = open_to_write(database), open_to_write(database)
    transactions = Transactions(sure, quick)

    for n, durable in enumerate((False, True, False, True, True)):
        transactions.commit(PlainClerk().batch([opening(f"r{n}")], 0).script(), durable=durable)

    levels = [each.execute("PRAGMA synchronous").fetchone()[0] for each in (sure, quick)]
    written = (sure.total_changes, quick.total_changes)
    transactions.close()
    assert levels == [2, 1], "FULL survives a power cut, NORMAL a killed process"
    assert written == (3, 2)


async def test_who_waits_too_long_is_told_and_the_unit_lands_all_the_same(database, locker):
    async with writing(database, busy_seconds=0.01, patience_seconds=0.05) as writer:
        locker.lock()
        waiting = writer.submit(opening("late"), durable=True)

        with pytest.raises(StorageDown):
            await waiting

        locker.release()
        assert await accepted_again(writer, "after")
        assert "late" in names(database)
