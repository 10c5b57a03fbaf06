"""Uploads: their bytes lie in rows of at most 1 MB from the first on; neither memory nor a transaction holds all."""

import hashlib
from collections.abc import AsyncGenerator

from documents.document import Document, Format
from documents.errors import DocumentError
from documents.names import shown_name
from documents.store import Arrival, arrived, new_id
from storage.script import Database, Query, Rows, Script, Write
from storage.statement import insert_into

CHUNK_BYTES = 1_000_000
ABANDONED_S = 3600.0
_AT_ONCE = 2  # chunks removed in a transaction
_NS = 10**9
_CHUNK = insert_into("document_chunks", ("document_id", "number", "at_ns", "content"), rank=0)
_DROP = """
    DELETE FROM document_chunks WHERE document_id = ? AND number IN
    (SELECT number FROM document_chunks WHERE document_id = ? ORDER BY number LIMIT ?) RETURNING number
"""
_CONTENT = "SELECT content FROM document_chunks WHERE document_id = ? AND number = ?"
_ORPHANS = """
    SELECT document_id FROM document_chunks
    WHERE NOT EXISTS (SELECT 1 FROM documents WHERE upload = document_chunks.document_id)
    GROUP BY document_id HAVING MAX(at_ns) < ? ORDER BY document_id LIMIT 100
"""


class Upload:
    """The bytes of one file on their way into the database.

    Attributes:
        id: What its chunks lie under.
        size: The bytes so far.
        kept: Whether its chunks belong to a document now, or nobody knows: then they are swept if they do not.

    """

    def __init__(self, database: Database, project_id: str, most: int) -> None:
        """Begin with no byte; `most` is how many documents the project may have."""
        self.id = new_id()
        self.size = 0
        self.kept = False
        self._database = database
        self._project_id = project_id
        self._most = most
        self._digest = hashlib.sha256()
        self._rest = bytearray()
        self._chunks = 0

    async def add(self, chunk: bytes) -> None:
        """Take the next bytes, any number of them.

        Raises:
            StorageDown: They cannot be kept; the upload is lost.

        """
        self.size += len(chunk)
        with memoryview(chunk) as view:
            for start in range(0, len(view), CHUNK_BYTES):
                part = view[start : start + CHUNK_BYTES]
                self._digest.update(part)
                self._rest += part
                # What is full stays until more comes: the last row is written with the document.
                while len(self._rest) > CHUNK_BYTES:
                    await self._write_full()

    async def finish(self, *, name: str, format: Format, subject: str, key_id: str | None) -> Document:  # noqa: A002 - the field's name
        """Make a document of the bytes.

        Args:
            name: As the client gave it; it is shown without its path and without characters that cannot be seen.
            format: What the bytes are.
            subject: Who uploads, on whom the embeddings are booked.
            key_id: The key that was used.

        Returns:
            The new document, or the one of the same bytes that the project has already.

        Raises:
            ProjectFull: The project has as many as it may.
            UploadExpired: The upload paused for so long that it was taken for abandoned.
            StorageDown: The upload is lost.

        """
        arrival = Arrival(
            upload=self.id,
            chunks=self._chunks,
            rest=bytes(self._rest),
            project_id=self._project_id,
            name=shown_name(name),
            format=format,
            digest=self._digest.hexdigest(),
            size=self.size,
            subject=subject,
            key_id=key_id,
        )
        self.kept = True
        try:
            document, self.kept = await self._database.write(lambda: self._settled(arrival))
        except DocumentError:
            self.kept = False
            raise
        return document

    async def _write_full(self) -> None:
        content = bytes(memoryview(self._rest)[:CHUNK_BYTES])
        await self._database.write(lambda: self._written(content))
        self._chunks += 1
        del self._rest[:CHUNK_BYTES]

    def _written(self, content: bytes) -> Script[None]:
        yield Write(_CHUNK, [(self.id, self._chunks, self._database.clock_ns(), content)])

    def _settled(self, arrival: Arrival) -> Script[tuple[Document, bool]]:
        document = yield from arrived(arrival, self._most)
        kept = yield Query("SELECT id FROM documents WHERE upload = ?", (self.id,))
        if kept:
            yield from self._written(arrival.rest)
        return document, bool(kept)


async def drop(database: Database, upload: str) -> None:
    """Remove the chunks of an upload, a few at a time.

    Raises:
        StorageDown: Some are left; they are swept later.

    """
    while await database.write(lambda: dropped(upload)):
        pass


def dropped(upload: str) -> Script[bool]:
    """Remove the first chunks of an upload; True when there may be more."""
    return len((yield Query(_DROP, (upload, upload, _AT_ONCE)))) == _AT_ONCE


async def sweep(database: Database) -> None:
    """Remove the chunks that belong to no document and got no company for an hour.

    Raises:
        StorageDown: Some are left.

    """
    before_ns = database.clock_ns() - int(ABANDONED_S * _NS)
    for (upload,) in await database.read(lambda: _orphans(before_ns)):
        await drop(database, upload)


async def contents(database: Database, upload: str) -> AsyncGenerator[bytes]:
    """Yield the bytes of an upload in order, one chunk at a time.

    Raises:
        StorageDown: They cannot be read now.

    """
    number = 0
    while rows := await database.read(lambda at=number: _content(upload, at)):
        yield rows[0][0]
        number += 1


def _orphans(before_ns: int) -> Script[Rows]:
    return (yield Query(_ORPHANS, (before_ns,)))


def _content(upload: str, number: int) -> Script[Rows]:
    return (yield Query(_CONTENT, (upload, number)))
