"""Documents: the same bytes are one document, limits hold exactly, and nothing of what is deleted stays."""

import asyncio
import hashlib
import random

import pytest

from documents.claims import PROCESSING, claim, failed
from documents.errors import DocumentUnknown, ProjectFull, UploadExpired
from documents.uploads import contents, drop
from tests.contract.databases import asking, opened
from tests.contract.documents_parts import PROJECT, count, documents_of, put

pytestmark = pytest.mark.anyio


async def chunks(database):
    return await count(database, "document_chunks")


async def break_off(documents):
    async with documents.upload(PROJECT) as upload:
        await upload.add(b"x" * 3_000_000)
        raise ConnectionResetError


async def test_document_is_found_and_listed_in_its_project_alone(url):
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, b"some text", name="C:\\tmp\\plan \u202e.txt")

        assert (await documents.find(PROJECT, document.id)) == document
        assert (document.name, document.size, document.state) == ("plan .txt", 9, "processing")
        assert (await documents.page(PROJECT, "", 20)).rows == [document]
        assert (await documents.page("another", "", 20)).total == 0
        with pytest.raises(DocumentUnknown):
            await documents.find("another", document.id)


async def test_pages_follow_one_another_and_know_the_total(url):
    async with opened(url) as database:
        documents = await documents_of(database)
        made = [(await put(documents, b"%d" % number)).id for number in range(5)]

        first = await documents.page(PROJECT, "", 3)
        second = await documents.page(PROJECT, first.rows[-1].id, 3)

        assert [document.id for document in (*first.rows, *second.rows)] == sorted(made)
        assert (first.total, first.has_more, second.has_more) == (5, True, False)


async def test_same_bytes_are_the_same_document_of_a_project(url):
    async with opened(url) as database:
        documents = await documents_of(database)
        first = await put(documents, b"x" * 2_500_000, step=700_001)
        held = await chunks(database)

        again = await put(documents, b"x" * 2_500_000, step=2_500_000, name="b.txt")
        elsewhere = await put(documents, b"x" * 2_500_000, project="another")

        assert again == first
        assert elsewhere.id != first.id
        assert (held, await chunks(database)) == (3, 6)


async def test_same_bytes_uploaded_at_the_same_moment_are_one_document(url):
    async with opened(url) as one, opened(url) as other:
        uploads = [put(await documents_of(database), b"same bytes") for database in (one, other) * 5]

        made = await asyncio.gather(*uploads)

        assert len({document.id for document in made}) == 1
        assert await chunks(one) == 1


async def test_limit_of_a_project_holds_exactly_under_uploads_at_once(url):
    async with opened(url) as one, opened(url) as other:
        uploads = [
            put(await documents_of(database, most=7), b"%d" % number)
            for number, database in enumerate((one, other) * 8)
        ]

        outcomes = await asyncio.gather(*uploads, return_exceptions=True)

        assert sum(isinstance(outcome, ProjectFull) for outcome in outcomes) == 9
        assert (await (await documents_of(one)).page(PROJECT, "", 100)).total == 7
        assert await chunks(one) == 7


async def test_upload_that_breaks_off_leaves_nothing(url):
    async with opened(url) as database:
        documents = await documents_of(database)
        with pytest.raises(ConnectionResetError):
            await break_off(documents)

        assert await chunks(database) == 0
        assert (await documents.page(PROJECT, "", 20)).total == 0


async def test_empty_upload_is_a_document_of_no_bytes(url):
    async with opened(url) as database:
        assert (await put(await documents_of(database), b"")).size == 0


async def test_deleted_document_is_unknown_and_its_bytes_may_come_again(url):
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, b"gone soon")
        await documents.delete(PROJECT, document.id)

        again = await put(documents, b"gone soon")

        assert again.id != document.id
        with pytest.raises(DocumentUnknown):
            await documents.delete(PROJECT, document.id)


@pytest.mark.parametrize("step", [1, 999_999, 1_000_000, 1_000_001, 3_000_000])
async def test_bytes_are_kept_whole_and_in_order_however_they_come(url, step):
    content = random.Random(step).randbytes(2_000_000 if step > 1 else 1000)
    async with opened(url) as database:
        documents = await documents_of(database)
        document = await put(documents, content, step=step)

        kept = [part async for part in contents(database, document.id)]

        assert b"".join(kept) == content
        assert max(map(len, kept)) <= 1_000_000
        stored = await database.read(asking("SELECT size, digest FROM documents"))
        assert stored == [(len(content), hashlib.sha256(content).hexdigest())]


async def test_failed_document_that_is_uploaded_twice_at_once_starts_anew_once(url):
    async with opened(url) as one, opened(url) as other:
        first = await put(await documents_of(one), b"x" * 1_500_000)
        held = await one.write(lambda: claim(PROCESSING, one.clock_ns(), 0, "worker", ""))
        await one.write(lambda: failed(held, "because"))
        await drop(one, first.id)

        again = await asyncio.gather(
            *[put(await documents_of(database), b"x" * 1_500_000) for database in (one, other) * 3]
        )

        assert {(document.id, document.state) for document in again} == {(first.id, "processing")}
        assert await chunks(one) == 2


async def test_upload_whose_chunks_were_swept_is_refused(url):
    async with opened(url) as database:
        documents = await documents_of(database)
        async with documents.upload(PROJECT) as upload:
            await upload.add(b"x" * 2_500_000)
            await drop(database, upload.id)
            with pytest.raises(UploadExpired):
                await upload.finish(name="a.txt", format="txt", subject="alice", key_id=None)

        assert (await documents.page(PROJECT, "", 20)).total == 0
