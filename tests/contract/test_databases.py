"""One contract for both databases: a script does the same on SQLite and on PostgreSQL."""

import asyncio
import time

import pytest

from storage.errors import StorageDown, UnitRefused
from storage.script import Query, Write, places
from storage.statement import delete_from, insert_into, upsert
from tests.contract.databases import asking, opened, projects

pytestmark = pytest.mark.anyio

PROJECT = insert_into("projects", ("id", "name", "created_at"), rank=0)
RATE = upsert("rates", ("counter", "tat_ns"), key=1, rank=0)
GONE = delete_from("projects", "id", rank=1)
ENTRY = insert_into(
    "ledger",
    (
        *("request_id", "opened_at", "settled_at", "route", "agent", "model", "project_id", "subject", "status"),
        *("stream", "latency_s", "input_tokens"),
    ),
    rank=0,
)


def project(name: str) -> tuple[str, str, str]:
    return (name, name, "2026-11-22T00:00:00.000000+00:00")


def entry(name: str, *figures: float | None) -> tuple[str | float | None, ...]:
    return (name, "2026", "2026", "/completion", "V2", "gpt-4o", "proj-default", "me", "ok", *figures)


def writing(statement, *rows):
    def script():
        yield Write(statement, rows)

    return script


async def test_rows_come_back_as_they_were_written_and_a_sum_of_integers_is_one(url):
    async with opened(url) as database:
        await database.write(writing(ENTRY, entry("a", *(True, 0.25, 2**40)), entry("b", *(False, 2, None))))
        read = "SELECT request_id, stream, latency_s, input_tokens FROM ledger ORDER BY position"
        rows = await database.read(asking(read))
        sums = await database.read(asking("SELECT SUM(input_tokens), COUNT(*), SUM(latency_s) FROM ledger"))

    assert rows == [("a", 1, 0.25, 2**40), ("b", 0, 2.0, None)]
    assert sums == [(2**40, 2, 2.25)]
    assert type(sums[0][0]) is int


async def test_any_number_of_rows_goes_in_at_once_is_replaced_and_removed(url):
    async with opened(url) as database:
        await database.write(writing(PROJECT, *[project(f"p{n:03}") for n in range(100)]))
        await database.write(writing(GONE, *[(f"p{n:03}",) for n in range(1, 100)]))
        await database.write(writing(RATE, ("one", 1), ("two", 2)))
        await database.write(writing(RATE, ("one", 3)))

        assert await projects(database) == ["p000"]
        rates = await database.read(asking("SELECT counter, tat_ns FROM rates ORDER BY counter"))
    assert rates == [("one", 3), ("two", 2)]


async def test_question_mark_in_a_literal_is_no_place_for_a_value(url):
    async with opened(url) as database:
        rows = await database.read(asking("SELECT id, 'why?' FROM projects WHERE id = ?", "proj-default"))

    assert rows == [("proj-default", "why?")]


async def test_list_of_values_may_be_empty(url):
    async with opened(url) as database:
        for names in (("proj-default", "p1"), ()):
            read = f"SELECT id FROM projects WHERE id IN ({places(len(names))})"  # noqa: S608 - places only
            rows = await database.read(asking(read, *names))
            assert [name for (name,) in rows] == list(names[:1])


async def test_what_a_script_raises_reaches_its_caller_and_nothing_of_it_is_kept(url):
    def script():
        yield Write(PROJECT, [project("p1")])
        raise LookupError

    async with opened(url) as database:
        with pytest.raises(LookupError):
            await database.write(script)

        assert await projects(database) == []


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        (PROJECT, project("proj-default")),
        (PROJECT, ("p1", None, "2026")),
        (PROJECT, ("p1", "\ud800", "2026")),
        (RATE, ("one", 2**63)),
        (ENTRY, entry("a", "text", 1, 1)),
    ],
)
async def test_row_that_does_not_fit_is_refused_as_a_whole_script(url, statement, row):
    def script():
        yield Write(PROJECT, [project("p0")])
        yield Write(statement, [row])

    async with opened(url) as database:
        with pytest.raises(UnitRefused):
            await database.write(script)

        assert await projects(database) == []


@pytest.mark.parametrize("change", ["UPDATE ledger SET model = 'other'", "DELETE FROM ledger"])
async def test_book_is_never_edited(url, change):
    async with opened(url) as database:
        await database.write(writing(ENTRY, entry("a", 0, 1, 1)))

        with pytest.raises(UnitRefused, match="append-only"):
            await database.write(asking(change))

        assert await database.read(asking("SELECT model FROM ledger")) == [("gpt-4o",)]


async def test_reader_cannot_write(url):
    async with opened(url) as database:
        with pytest.raises(StorageDown):
            await database.read(writing(PROJECT, project("p1")))

        assert await projects(database) == []


async def test_numbers_drawn_at_once_are_all_different(url):
    def draw():
        rows = yield Query("SELECT number FROM revision ORDER BY one", locks=True)
        yield Query("UPDATE revision SET number = ?", (rows[0][0] + 1,))
        return rows[0][0]

    async with opened(url) as database:
        drawn = await asyncio.gather(*(database.write(draw) for _ in range(20)))

    assert sorted(drawn) == list(range(1, 21))


async def test_who_writes_alone_sees_no_other_write_under_way(url):
    async with opened(url) as database:
        lonely = [database.write_alone(writing(PROJECT, project(f"alone{n}"))) for n in range(5)]
        others = [database.write(writing(PROJECT, project(f"other{n}"))) for n in range(5)]
        await asyncio.gather(*lonely, *others)

        assert len(await projects(database)) == 10


async def test_clock_is_the_database_s_and_goes_on(url):
    async with opened(url) as database:
        await projects(database)
        first, second = database.clock_ns(), database.clock_ns()

    assert first <= second
    assert abs(first - time.time_ns()) < 10**9


async def test_tables_that_grow_a_column_under_a_running_process_are_read_on(url):
    async with opened(url) as database:
        read, add = asking("SELECT * FROM revision"), asking("UPDATE revision SET number = 2 RETURNING *")
        await database.read(read)
        await database.write(add)

        await database.write(asking("ALTER TABLE revision ADD COLUMN note TEXT"))

        assert await database.read(read) == [(1, 2, None)]
        assert await database.write(add) == [(1, 2, None)]


async def test_more_scripts_than_connections_all_get_their_turn(url):
    async with opened(url) as database:
        found = await asyncio.gather(*(projects(database) for _ in range(50)))

    assert found == [[]] * 50


async def test_script_that_is_cancelled_wherever_it_is_leaves_nothing_or_all_and_the_next_one_runs(url):
    def script(name):
        yield Write(PROJECT, [project(f"{name}-1")])
        yield Write(PROJECT, [project(f"{name}-2")])

    async with opened(url) as database:
        for n in range(30):
            write = asyncio.create_task(database.write(lambda n=n: script(f"p{n}")))
            await asyncio.wait([write], timeout=n / 5000)
            write.cancel()
            await asyncio.wait([write])
        await database.write(lambda: script("after"))
        names = await projects(database)

    assert {"after-1", "after-2"} <= set(names)
    assert {name[:-2] for name in names if name.endswith("1")} == {name[:-2] for name in names if name.endswith("2")}
