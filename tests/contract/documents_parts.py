"""What the contract tests of documents share: stand-ins for reading and embedding, uploads in one line."""

import asyncio
import hashlib
import struct
from contextlib import asynccontextmanager, suppress

from documents.document import Passage
from documents.documents import Documents
from documents.errors import Unreadable
from documents.index import index_of
from documents.ingest import Ingest, Pace
from documents.words import words_of
from tests.contract.databases import asking

PROJECT = "proj-default"
QUICK = Pace(lease_s=1.0, poll_s=0.05, sweep_s=0.1, pause_s=0.01, longest_pause_s=0.05)
PATIENCE_S = 30.0


def vector_of(text):
    """Any text has a direction of its own."""
    return struct.pack("<8f", *(byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:8]))


class Lines:
    """A reader for which each line is a passage; what begins with `broken` cannot be read."""

    def __init__(self):
        self.read_files = []

    async def read(self, upload, *_):
        self.read_files.append((upload, upload.stat().st_mode & 0o777))
        lines = upload.read_text().splitlines()
        if lines and lines[0].startswith("broken"):
            raise Unreadable(lines[0])
        counted = enumerate(lines, 1)
        return tuple(Passage(number, "", line, len(line.split()), words_of(line)) for number, line in counted)


class Embeddings:
    """Embeds at once, and keeps books; `before` runs before each batch and may wait or raise."""

    def __init__(self, model="tiny", before=None):
        self.model = model
        self.opened = []
        self.settled = []
        self._before = before

    @asynccontextmanager
    async def open(self, document):
        self.opened.append(document.id)
        try:
            yield self
        finally:
            self.settled.append(document.id)

    async def embed(self, texts):
        if self._before is not None:
            await self._before(texts)
        return [vector_of(text) for text in texts]


async def documents_of(database, *, most=1000):
    return Documents(database, await index_of(database), most=most)


async def put(documents, content, *, project=PROJECT, name="a.txt", format="txt", step=70_000):  # noqa: A002 - the field's name
    async with documents.upload(project) as upload:
        for start in range(0, len(content), step):
            await upload.add(content[start : start + step])
        return await upload.finish(name=name, format=format, subject="alice", key_id=None)


def lines(count, word="line"):
    return "\n".join(f"{word} number {number}" for number in range(count)).encode()


@asynccontextmanager
async def ingesting(database, folder, booking=None, *, reader=None, owner="me", pace=QUICK):
    """Work on documents as long as this lasts."""
    ingest = Ingest(database, await index_of(database), reader or Lines(), booking, folder, owner=owner, pace=pace)
    async with asyncio.TaskGroup() as group:
        working = group.create_task(ingest.run())
        try:
            yield ingest
        finally:
            working.cancel()


async def pause(seconds):
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def until(come_true):
    """Wait until a question is answered with something true, and return that."""
    async with asyncio.timeout(PATIENCE_S):
        while not (answer := await come_true()):
            await pause(0.02)
    return answer


async def states(database):
    return dict(await database.read(asking("SELECT id, state FROM documents ORDER BY id")))


async def ended(database):
    """Wait until no document is processing or being deleted; return the states by id."""

    async def all_ended():
        now = await states(database)
        return (now,) if not {"processing", "deleting"} & set(now.values()) else None

    return (await until(all_ended))[0]


async def count(database, table):
    return (await database.read(asking(f"SELECT COUNT(*) FROM {table}")))[0][0]  # noqa: S608 - names of ours
