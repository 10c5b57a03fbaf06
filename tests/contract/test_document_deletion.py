"""Deleting documents: whenever it happens and whoever dies meanwhile, nothing of them stays."""

import asyncio
import random

import pytest

from documents.documents import erase
from documents.errors import DocumentUnknown
from documents.index import index_of
from documents.store import hidden
from storage.database import is_postgres
from tests.contract.databases import asking, opened
from tests.contract.documents_parts import (
    PROJECT,
    Embeddings,
    count,
    documents_of,
    ended,
    ingesting,
    lines,
    pause,
    put,
    states,
    until,
)

pytestmark = pytest.mark.anyio
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
}
_WORDS = "passage_words"  # what FTS5 keeps; asked by words, for its own tables hold no texts


async def traces(database, url, *marks):
    """Return the tables that hold any of the marks in any column."""
    kind = "postgresql" if is_postgres(url) else "sqlite"
    found = set()
    for (table,) in await database.read(asking(_TABLES[kind])):
        if not table.startswith(_WORDS):
            rows = await database.read(asking(f"SELECT * FROM {table}"))  # noqa: S608 - names of ours
            found |= {table for row in rows for mark in marks if mark in repr(row)}
    return found


async def found_by_word(database, url, word):
    sql = (
        "SELECT id FROM passages WHERE to_tsvector('simple', words) @@ to_tsquery('simple', ?)"
        if is_postgres(url)
        else "SELECT rowid FROM passage_words WHERE passage_words MATCH ?"
    )
    return await database.read(asking(sql, word))


async def test_deleted_document_leaves_no_row_in_any_table(url, tmp_path):
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, lines(450, "zyxwv"), name="qponml.txt")
        other = await put(documents, lines(3, "kept"))
        async with ingesting(database, tmp_path, Embeddings()):
            await ended(database)
        marks = (document.id, "zyxwv", "qponml")
        before = await traces(database, url, *marks), len(await found_by_word(database, url, "zyxwv"))

        await documents.delete(PROJECT, document.id)

        assert {"documents", "passages"} < before[0]
        assert before[1] == 450
        assert await traces(database, url, *marks) == set()
        assert await found_by_word(database, url, "zyxwv") == []
        assert await traces(database, url, other.id) >= {"documents", "passages"}


async def test_documents_may_be_deleted_at_any_moment_of_the_work_on_them(url, tmp_path):
    chance = random.Random(4)

    async def delete_soon(documents, document):
        await pause(chance.random() * 0.15)
        await documents.delete(PROJECT, document.id)

    async with opened(url) as one, opened(url) as other:
        documents = await documents_of(other)
        kept = await put(documents, lines(70, "kept"))
        async with ingesting(one, tmp_path, Embeddings()), ingesting(other, tmp_path, Embeddings(), owner="other"):
            for turn in range(6):
                made = [await put(documents, lines(200, f"zyxwv{turn}of{number}")) for number in range(4)]
                await asyncio.gather(*(delete_soon(documents, document) for document in made))
            assert await ended(one) == {kept.id: "ready"}

        assert await traces(one, url, "zyxwv") == set()
        assert await found_by_word(one, url, "zyxwv*" if not is_postgres(url) else "zyxwv:*") == []
        assert [await count(one, table) for table in ("passages", "document_chunks")] == [70, 0]


async def test_deletion_that_died_is_ended_by_the_next_process(url, tmp_path):
    async with opened(url) as database:
        documents = await documents_of(database)
        ready = await put(documents, lines(70))
        async with ingesting(database, tmp_path, Embeddings()):
            await ended(database)
        waiting = await put(documents, b"x" * 2_000_000)
        for document in (ready, waiting):
            await database.write(lambda name=document.id: hidden(PROJECT, name, 0))
        with pytest.raises(DocumentUnknown):
            await documents.find(PROJECT, ready.id)

        async with ingesting(database, tmp_path, Embeddings()):
            await until(lambda: nothing_left(database))

        assert await traces(database, url, ready.id, waiting.id) == set()


async def nothing_left(database):
    return not await states(database)


async def test_two_that_end_the_same_deletion_leave_nothing(url, tmp_path):
    async with opened(url) as one, opened(url) as other:
        documents = await documents_of(one)
        document = await put(documents, lines(900))
        async with ingesting(one, tmp_path, Embeddings()):
            await ended(one)
        await one.write(lambda: hidden(PROJECT, document.id, 0))

        index = await index_of(one)
        await asyncio.gather(*(erase(database, document.id, None, index) for database in (one, other)))

        assert await traces(one, url, document.id) == set()
