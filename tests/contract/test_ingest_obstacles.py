"""Ingestion where something stands in its way for long: it goes on once that is gone, and takes nothing else along."""

import pytest

from documents.claims import MOST_TRIES
from documents.errors import EmbeddingDelayed
from storage.script import Query
from tests.contract.databases import asking, opened
from tests.contract.documents_parts import PROJECT, Embeddings, documents_of, ended, ingesting, lines, put, until

pytestmark = pytest.mark.anyio


def tried(times):
    yield Query("UPDATE documents SET tries = ?", (times,))


async def test_documents_wait_where_there_is_no_folder_to_read_them_in_and_are_read_once_there_is(
    url, tmp_path, caplog
):
    folder = tmp_path / "desk"
    folder.write_text("in the way")

    async def is_told():
        return "documents wait" in caplog.text

    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(3))
        async with ingesting(database, folder, Embeddings()):
            await until(is_told)
            before = await documents.find(PROJECT, document.id)
            folder.unlink()

            assert await ended(database) == {document.id: "ready"}

        assert before.state == "processing"
        assert caplog.text.count("documents wait") == 1
        assert str(tmp_path) not in caplog.text


async def test_ready_document_gets_its_new_vectors_however_often_that_was_in_vain(url, tmp_path):
    async with opened(url) as database:
        await put(await documents_of(database), lines(3))
        async with ingesting(database, tmp_path, Embeddings("old")):
            await ended(database)
        await database.write(lambda: tried(MOST_TRIES + 10))

        async def is_anew():
            ((indexed_by,),) = await database.read(asking("SELECT indexed_by FROM documents"))
            return indexed_by and indexed_by.endswith("/new")

        async with ingesting(database, tmp_path, Embeddings("new")):
            assert await until(is_anew)


async def test_limits_of_rate_are_waited_for_however_long_that_takes(url, tmp_path):
    left = [3]

    async def limited(_):
        left[0] -= 1
        if left[0] >= 0:
            raise EmbeddingDelayed("a limit is reached for now")

    booking = Embeddings(before=limited)
    async with opened(url) as database:
        document = await put(await documents_of(database), lines(3))
        await database.write(lambda: tried(MOST_TRIES - 1))
        async with ingesting(database, tmp_path, booking):
            assert await ended(database) == {document.id: "ready"}

    assert booking.settled == [document.id] * 4
