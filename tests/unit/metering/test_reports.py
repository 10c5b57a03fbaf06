"""Reports: every one equals the sum of the book's own entries, exactly, however it is cut, grouped and filtered."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from metering.hours import Sums
from metering.ledger import Admission, Entry
from metering.question import EVER, FOREVER, SPLIT_EURO, Question
from metering.reports import Reports
from storage.migrations import upgrade
from storage.sqlite import Sqlite
from tests.unit.metering.books import close_the_dead, kept, opened
from tests.unit.metering.drawn import AMOUNTS, MOMENTS, named, questions, requests
from tests.unit.metering.naive import Sheet, told, worked_out
from tests.unit.metering.samples import CALL, NOON, admission, entry


@pytest.fixture(scope="module")
def empty_book(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("empty")
    upgrade(f"sqlite:///{folder}/router.db")
    return (folder / "router.db").read_bytes()


def told_by(folder: Path, question: Question) -> Sheet:
    return told(asyncio.run(Reports(Sqlite(folder / "router.db")).lines(question)), question)


async def lived(folder: Path, entries: list[Entry], abandoned: list[datetime]) -> None:
    """Write in two lives of a gateway, then die with requests open."""
    await kept(folder, *named(entries)[::2])
    await kept(folder, *named(entries)[1::2])
    async with opened(folder) as ledger:
        for n, moment in enumerate(abandoned):
            ledger.admit(structs.replace(admission(f"dead{n}", "proj-a"), opened_at=moment))


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(requests(), max_size=12),
    abandoned=st.lists(MOMENTS, max_size=2),
    asked=st.lists(questions(), min_size=1, max_size=8),
)
def test_every_report_is_the_sum_of_the_book_exactly(tmp_path_factory, empty_book, entries, abandoned, asked):
    folder = tmp_path_factory.mktemp("book")
    (folder / "router.db").write_bytes(empty_book)
    asyncio.run(lived(folder, entries, abandoned))
    close_the_dead(folder)

    for question in asked:
        assert told_by(folder, question) == worked_out(folder, question)


@pytest.mark.anyio
async def test_figure_that_no_request_has_is_unknown_and_not_zero(folder):
    await kept(folder, entry("r1", kg=None), entry("r2", kg=None))

    sums = await Reports(Sqlite(folder / "router.db")).total(Question(start=EVER, end=FOREVER, amounts=AMOUNTS))

    assert (sums.requests, sums.unknown, sums.emissions_kg, sums.embodied_kg) == (2, 2, None, None)
    assert sums.cost_eur == 2 * CALL.cost_eur


@pytest.mark.anyio
async def test_nothing_is_known_of_no_requests(folder):
    assert await Reports(Sqlite(folder / "router.db")).total(Question(start=EVER, end=FOREVER)) == Sums()


@pytest.mark.anyio
async def test_entries_of_a_cut_hour_are_read_whole_however_many(folder):
    many = 5001
    await kept(folder, *(entry(f"r{n}") for n in range(many)))
    question = Question(start=NOON, end=NOON + timedelta(minutes=1), amounts=SPLIT_EURO)

    sums = await Reports(Sqlite(folder / "router.db")).total(question)

    assert (sums.requests, sums.cost_eur) == (many, many * CALL.cost_eur)


@pytest.mark.anyio
async def test_request_that_took_hours_adds_to_its_hour_and_overwrites_nothing(folder):
    moments = [NOON, NOON + timedelta(hours=5), NOON, NOON]
    entries = [
        structs.replace(one, admission=opened_at(one, moment))
        for one, moment in zip(named([entry("")] * 4), moments, strict=True)
    ]

    await kept(folder, *entries)

    sums = await Reports(Sqlite(folder / "router.db")).total(Question(start=NOON, end=NOON + timedelta(hours=1)))
    assert sums.requests == 3


def opened_at(one: Entry, moment: datetime) -> Admission:
    return structs.replace(one.admission, opened_at=moment)
