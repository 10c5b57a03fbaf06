"""Whoever dies while documents are made ready, each ends once: nothing is lost, doubled or left behind."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest

from documents.claims import PROCESSING, ClaimLost, claim
from documents.document import Document
from documents.index import index_of
from documents.ingest import Pace
from documents.making import Maker
from tests.contract.databases import asking, opened
from tests.contract.documents_parts import (
    PROJECT,
    Embeddings,
    Lines,
    count,
    documents_of,
    ended,
    ingesting,
    lines,
    put,
    states,
    until,
)

pytestmark = pytest.mark.anyio


async def killed_at(url, folder, place, times):
    """Run a process until it stands at a place, kill it there, and return what it told."""
    program = (sys.executable, "-m", "tests.contract.ingest_process", url, str(folder), place, str(times))
    process = await asyncio.create_subprocess_exec(*program, stdout=PIPE)
    told = []
    async with asyncio.timeout(30):
        while [at for at, _ in told].count(place) < times:
            told.append(tuple((await process.stdout.readline()).decode().split()))
    process.kill()
    await process.wait()
    return told


async def numbers_of(database):
    """Return the numbers of the passages that have a vector, by document."""
    index = await index_of(database)
    table = "vectors" if index.name == "blob" else "passage_vectors"
    rows = await database.read(
        asking(
            f"SELECT p.document_id, p.number FROM passages p JOIN {table} v ON v.passage_id = p.id "  # noqa: S608 - names of ours
            "AND v.document_id = p.document_id ORDER BY p.document_id, p.number"
        )
    )
    numbers = {}
    for document_id, number in rows:
        numbers.setdefault(document_id, []).append(number)
    return numbers


@pytest.mark.parametrize(("place", "times"), [("reading", 1), ("embedding", 3), ("settled", 2)])
async def test_process_that_is_killed_is_followed_by_another_and_nothing_is_lost_or_doubled(
    url, tmp_path, place, times
):
    booking = Embeddings()
    async with opened(url) as database:
        documents = await documents_of(database)
        made = [(await put(documents, lines(150, f"word{number}"))).id for number in range(4)]

        told = await killed_at(url, tmp_path / "desk", place, times)
        async with ingesting(database, tmp_path / "desk", booking):
            assert await ended(database) == dict.fromkeys(made, "ready")

        assert await numbers_of(database) == {name: list(range(1, 151)) for name in made}
        assert await count(database, "passages") == 600
        assert [await count(database, table) for table in ("document_chunks",)] == [0]
        assert list((tmp_path / "desk").iterdir()) == []
        once = [document for at, document in told if at == "settled"]
        assert set(booking.settled) | set(once) == set(made)
        assert len(booking.settled) == len(set(booking.settled))


async def test_many_deaths_in_a_row_neither_lose_nor_double_anything(url, tmp_path):
    async with opened(url) as database:
        documents = await documents_of(database)
        made = [(await put(documents, lines(70, f"word{number}"))).id for number in range(10)]

        for place, times in (("embedding", 1), ("settled", 3), ("opened", 2), ("reading", 3)):
            await killed_at(url, tmp_path, place, times)
        async with ingesting(database, tmp_path, Embeddings()):
            assert await ended(database) == dict.fromkeys(made, "ready")

        assert await numbers_of(database) == {name: list(range(1, 71)) for name in made}
        assert await count(database, "passages") == 700


async def test_two_processes_at_once_never_take_the_same_document(url, tmp_path):
    bookings = [Embeddings(), Embeddings()]
    async with opened(url) as one, opened(url) as other:
        documents = await documents_of(one)
        async with ingesting(one, tmp_path, bookings[0]), ingesting(other, tmp_path, bookings[1], owner="other"):
            made = await asyncio.gather(*(put(documents, b"%d" % number) for number in range(40)))
            assert await ended(one) == {document.id: "ready" for document in made}

        opened_ids = bookings[0].opened + bookings[1].opened
        assert sorted(opened_ids) == sorted(document.id for document in made)
        assert await count(one, "passages") == 40


async def test_process_that_stops_in_order_gives_its_document_to_the_next_at_once(url, tmp_path):
    asked = asyncio.Event()

    async def hold(_):
        asked.set()
        await asyncio.Event().wait()

    async with opened(url) as database:
        document = await put(await documents_of(database), lines(5))
        async with ingesting(database, tmp_path, Embeddings(before=hold), pace=Pace(lease_s=10_000)):
            await asked.wait()
        async with ingesting(database, tmp_path, Embeddings()):
            assert await ended(database) == {document.id: "ready"}

        assert await database.read(asking("SELECT tries, claimed_by FROM documents")) == [(0, None)]


async def test_document_that_ends_every_worker_ends_failed(url, tmp_path):
    reader = Lines()
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(5))
        for number in range(5):
            token = f"dead{number}"
            assert await database.write(lambda token=token: claim(PROCESSING, database.clock_ns(), 0, token, ""))
        async with ingesting(database, tmp_path, Embeddings(), reader=reader):
            await ended(database)

        failed = await documents.find(PROJECT, document.id)
        assert (failed.state, "again and again" in failed.error, reader.read_files) == ("failed", True, [])


async def test_worker_that_was_taken_for_dead_writes_nothing_more(url, tmp_path):
    async with opened(url) as database:
        document = await put(await documents_of(database), lines(150))

        async def take_over(texts):
            if "number 64" in texts[0]:
                await database.write(lambda: claim(PROCESSING, database.clock_ns(), 0, "second", ""))

        booking = Embeddings(before=take_over)
        first = Maker(database, await index_of(database), Lines(), booking)
        held = await database.write(lambda: claim(PROCESSING, database.clock_ns(), 0, "first", ""))
        with pytest.raises(ClaimLost):
            await first.make(held, tmp_path)
        with pytest.raises(ClaimLost):
            await first.clear(held)

        assert await count(database, "passages") == 64
        assert await states(database) == {document.id: "processing"}
        async with ingesting(database, tmp_path, Embeddings()):
            await ended(database)
        assert await numbers_of(database) == {document.id: list(range(1, 151))}


async def test_uploads_that_nobody_finished_are_swept_and_those_under_way_are_not(url, tmp_path):
    add = "INSERT INTO document_chunks (document_id, number, at_ns, content) VALUES (?, ?, ?, ?) RETURNING number"
    async with opened(url) as database:
        now = database.clock_ns()
        for upload, number, seconds in (
            ("left", 0, 7000),
            ("left", 1, 3700),
            ("going on", 0, 7000),
            ("going on", 1, 9),
        ):
            await database.write(asking(add, upload, number, now - seconds * 10**9, b"x"))

        async def is_swept():
            return not await database.read(asking("SELECT 1 FROM document_chunks WHERE document_id = 'left'"))

        async with ingesting(database, tmp_path):
            await until(is_swept)

        assert await count(database, "document_chunks") == 2


async def test_books_name_the_document_and_who_uploaded_it(url, tmp_path):
    seen = []

    class Looking(Embeddings):
        def open(self, document):
            seen.append(document)
            return super().open(document)

    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(1))
        async with ingesting(database, tmp_path, Looking()):
            await ended(database)

        assert seen == [document]
        assert isinstance(seen[0], Document)


async def test_stopping_is_never_overheard_however_much_news_there_is(url, tmp_path):
    hasty = Pace(poll_s=0.003, sweep_s=0.002)
    async with opened(url) as database, asyncio.timeout(60):
        for number in range(40):
            async with ingesting(database, tmp_path, owner=str(number), pace=hasty) as ingest:
                await database.read(asking("SELECT 1"))
                ingest.wake()

    assert list(tmp_path.glob("[0-9]*")) == []
