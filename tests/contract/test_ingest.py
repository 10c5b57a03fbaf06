"""Ingestion: every document ends ready or failed, says why, and is found only when it is ready."""

import asyncio
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from documents.document import Passage
from documents.errors import EmbeddingFailed, EmbeddingRefused
from documents.index import index_of, no_others
from documents.parsing.parser import Parser
from documents.search import Library
from tests.contract.databases import asking, opened
from tests.contract.documents_parts import (
    PROJECT,
    QUICK,
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


def failing(times, error):
    left = [times]

    async def before(_):
        if left[0]:
            left[0] -= 1
            raise error

    return before


async def test_upload_becomes_ready_with_passages_vectors_and_one_entry_in_the_books(url, tmp_path):
    booking, reader = Embeddings(), Lines()
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(150))
        async with ingesting(database, tmp_path / "desk", booking, reader=reader):
            await ended(database)

        ready = await documents.find(PROJECT, document.id)
        assert (ready.state, ready.passages, ready.tokens, ready.error) == ("ready", 150, 450, None)
        numbers = await database.read(asking("SELECT number FROM passages ORDER BY id"))
        assert numbers == [(number,) for number in range(1, 151)]
        assert await count(database, "document_chunks") == 0
        assert booking.opened == booking.settled == [document.id]
        assert [mode for _, mode in reader.read_files] == [0o600]
        assert not reader.read_files[0][0].exists()
        index = await index_of(database)
        assert await database.read(asking("SELECT indexed_by FROM documents")) == [(f"{index.name}/tiny",)]


async def test_document_is_found_only_when_it_is_ready(url, tmp_path):
    batches, going_on = [], asyncio.Event()

    async def hold_the_second(texts):
        batches.append(len(texts))
        if len(batches) == 2:
            await going_on.wait()

    async def is_held():
        return len(batches) == 2

    async with opened(url) as database:
        document = await put(await documents_of(database), lines(100, "giraffe"))
        library = Library(database, await index_of(database), "tiny")
        async with ingesting(database, tmp_path, Embeddings(before=hold_the_second)):
            await until(is_held)
            early = await library.scope(PROJECT, [document.id])
            going_on.set()
            await ended(database)
        ready = await library.scope(PROJECT, [document.id])

        assert early.document_ids == ()
        assert early.waiting == (document.id,)
        assert await library.search(early, "giraffe", None, 5) == []
        assert len(await library.search(ready, "giraffe", None, 5)) == 5


async def test_what_cannot_be_read_fails_with_the_reason_and_starts_anew_when_it_is_uploaded_again(url, tmp_path):
    readers = [Lines(), Lines()]
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, b"broken\nbeyond repair")
        async with ingesting(database, tmp_path, Embeddings(), reader=readers[0]):
            await ended(database)
        failed = await documents.find(PROJECT, document.id)
        left = await count(database, "document_chunks")

        again = await put(documents, b"broken\nbeyond repair", name="b.txt")
        async with ingesting(database, tmp_path, Embeddings(), reader=readers[1]):
            await ended(database)

        assert (failed.state, failed.error) == ("failed", "The document cannot be read: broken.")
        assert left == await count(database, "document_chunks") == await count(database, "passages") == 0
        assert (again.id, again.state, again.name, again.error) == (document.id, "processing", "b.txt", None)
        assert len(readers[1].read_files) == 1


async def test_document_without_text_fails(url, tmp_path):
    async with opened(url) as database:
        document = await put(await documents_of(database), b"")
        async with ingesting(database, tmp_path, Embeddings()):
            assert await ended(database) == {document.id: "failed"}


async def test_refused_embeddings_fail_the_document_and_leave_no_passage(url, tmp_path):
    async def refuse_the_second(texts):
        if "number 64" in texts[0]:
            raise EmbeddingRefused("the budget is spent")

    booking = Embeddings(before=refuse_the_second)
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(100))
        async with ingesting(database, tmp_path, booking):
            await ended(database)

        failed = await documents.find(PROJECT, document.id)
        assert failed.state == "failed"
        assert "the budget is spent" in failed.error
        assert [await count(database, table) for table in ("passages", "document_chunks", "vector_sets")] == [0, 0, 0]
        assert booking.opened == booking.settled == [document.id]


async def test_embeddings_that_cannot_be_had_now_are_tried_again(url, tmp_path):
    booking = Embeddings(before=failing(3, EmbeddingFailed("too busy")))
    async with opened(url) as database:
        document = await put(await documents_of(database), lines(3))
        async with ingesting(database, tmp_path, booking):
            assert await ended(database) == {document.id: "ready"}

        assert booking.settled == [document.id] * 4
        assert await count(database, "passages") == 3


async def test_document_that_is_tried_in_vain_for_long_fails_with_the_last_reason(url, tmp_path):
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(3))
        async with ingesting(database, tmp_path, Embeddings(before=failing(-1, EmbeddingFailed("no model answers")))):
            await ended(database)

        failed = await documents.find(PROJECT, document.id)
        assert failed.state == "failed"
        assert "no model answers" in failed.error


async def test_without_embeddings_documents_are_ready_for_keywords_and_embedded_once_there_are_some(url, tmp_path):
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(3))
        async with ingesting(database, tmp_path):
            await ended(database)
        plain = await database.read(asking("SELECT state, indexed_by FROM documents"))
        async with ingesting(database, tmp_path, Embeddings("later")):
            await until(lambda: vectors_of(database, document.id, "later"))

        assert plain == [("ready", None)]
        assert (await documents.find(PROJECT, document.id)).tokens == 9


async def vectors_of(database, document_id, model):
    index = await index_of(database)
    select = "SELECT COUNT(*) FROM documents WHERE id = ? AND indexed_by = ?"
    return (await database.read(asking(select, document_id, f"{index.name}/{model}")))[0][0]


async def test_documents_are_embedded_anew_when_the_model_changes_and_stay_ready_meanwhile(url, tmp_path):
    seen = []

    async with opened(url) as database:

        async def look(_):
            seen.append((await states(database), await vectors_of(database, document.id, "old")))

        document = await put(await documents_of(database), lines(100))
        async with ingesting(database, tmp_path, Embeddings("old")):
            await ended(database)
        booking = Embeddings("new", before=look)
        async with ingesting(database, tmp_path, booking):
            await until(lambda: vectors_of(database, document.id, "new"))

        assert seen == [({document.id: "ready"}, 0)] * 2
        assert booking.settled == [document.id]
        index = await index_of(database)
        found = await index.nearest([document.id], b"\0\0\x80?" * 8, 1000, no_others)
        assert len(found) == 100


async def test_document_stays_ready_when_the_new_model_is_refused(url, tmp_path):
    booking = Embeddings("new", before=failing(-1, EmbeddingRefused("not in this budget")))

    async def was_asked():
        return booking.settled

    async with opened(url) as database:
        document = await put(await documents_of(database), lines(3))
        async with ingesting(database, tmp_path, Embeddings("old")):
            await ended(database)
        async with ingesting(database, tmp_path, booking):
            await until(was_asked)

        assert await states(database) == {document.id: "ready"}
        assert await count(database, "passages") == 3


async def test_projects_take_turns(url, tmp_path):
    booking = Embeddings()
    async with opened(url) as database:
        documents = await documents_of(database)
        for number in range(6):
            await put(documents, b"%d" % number, project="many")
        one = await put(documents, b"alone", project="one")
        # Of two workers one may take a document more while the other takes the turn.
        async with ingesting(database, tmp_path, booking, pace=replace(QUICK, at_once=1)):
            await ended(database)

        assert booking.opened.index(one.id) == 1


async def test_defect_met_by_one_document_fails_it_alone(url, tmp_path, caplog):
    class Defective(Lines):
        async def read(self, upload, *rest):
            if upload.read_text() == "odd":
                raise LookupError("nobody foresaw this")
            return await super().read(upload, *rest)

    async with opened(url) as database:
        documents = await documents_of(database)
        odd, even = await put(documents, b"odd"), await put(documents, b"even")
        async with ingesting(database, tmp_path, Embeddings(), reader=Defective()):
            assert await ended(database) == {odd.id: "failed", even.id: "ready"}

        assert (await documents.find(PROJECT, odd.id)).error == "The document could not be worked on."
        assert "nobody foresaw this" in caplog.text


async def test_text_that_the_database_does_not_take_fails_its_document(url, tmp_path):
    class Surrogates(Lines):
        async def read(self, *_):
            return (Passage(1, "", "half a \ud800 pair", 4),)

    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, b"x")
        async with ingesting(database, tmp_path, reader=Surrogates()):
            await ended(database)

        failed = await documents.find(PROJECT, document.id)
        assert (failed.state, "does not take" in failed.error) == ("failed", True)


async def test_real_files_are_read_in_a_process_and_become_ready_or_fail_with_a_reason(url, tmp_path):
    parser = Parser(tmp_path)
    async with opened(url) as database, aclosing(parser):
        documents = await documents_of(database)
        plan = await put(
            documents, "# Plan\n\n## Coûts\n\nLe pont coûte 12 M€.\n".encode(), name="plan.md", format="md"
        )
        torn = await put(documents, b"%PDF-1.7\nnothing more", name="torn.pdf", format="pdf")
        async with ingesting(database, tmp_path / "desk", Embeddings(), reader=parser):
            assert await ended(database) == {plan.id: "ready", torn.id: "failed"}

        assert await database.read(asking("SELECT heading, text FROM passages")) == [
            ("Plan > Coûts", "Le pont coûte 12 M€.")
        ]
        assert str(tmp_path) not in (await documents.find(PROJECT, torn.id)).error
