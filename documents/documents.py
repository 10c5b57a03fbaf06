"""The documents of projects: taken in, found, listed and deleted."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from documents.derived import Vectors, remove
from documents.document import Document
from documents.store import DocumentPage, found, gone, hidden, page_of
from documents.uploads import CHUNK_BYTES, Upload, drop
from storage.errors import StorageDown
from storage.script import Database

DELETING_S = 30.0


class Documents:
    """Takes documents in and gives account of them; what makes them ready is another's work."""

    def __init__(
        self, database: Database, vectors: Vectors, *, most: int, arrived: Callable[[], None] = lambda: None
    ) -> None:
        """Keep what it works with.

        Args:
            database: Where documents are.
            vectors: Where their vectors are.
            most: How many documents a project may have.
            arrived: Called when there is a new document to make ready.

        """
        self._database = database
        self._vectors = vectors
        self._most = most
        self._arrived = arrived

    @asynccontextmanager
    async def upload(self, project_id: str) -> AsyncGenerator[Upload]:
        """Begin to take in a file; what was not finished when the context ends is dropped."""
        upload = Upload(self._database, project_id, self._most)
        try:
            yield upload
        finally:
            if upload.kept:
                self._arrived()
            elif upload.size > CHUNK_BYTES:
                # What is left is swept later; a smaller one was never written.
                with suppress(StorageDown):
                    await drop(self._database, upload.id)

    async def find(self, project_id: str, document_id: str) -> Document:
        """Return a document of a project.

        Raises:
            DocumentUnknown: It has none of this id.
            StorageDown: The database cannot be read now.

        """
        return await self._database.read(lambda: found(project_id, document_id))

    async def page(self, project_id: str, after: str, limit: int) -> DocumentPage:
        """Return the documents of a project behind the id `after` (empty for the first), oldest first.

        Raises:
            StorageDown: The database cannot be read now.

        """
        return await self._database.read(lambda: page_of(project_id, after, limit))

    async def delete(self, project_id: str, document_id: str) -> None:
        """Delete a document and all that was made of it: nobody finds it any more at once, and then nothing is left.

        Raises:
            DocumentUnknown: The project has none of this id.
            StorageDown: The database cannot be written now; nothing is deleted.

        """
        uploaded = await self._database.write(lambda: hidden(project_id, document_id, self._until_ns()))
        # What is left once the document is hidden will be removed by whoever looks for such work.
        with suppress(StorageDown):
            await erase(self._database, document_id, uploaded, self._vectors)

    def _until_ns(self) -> int:
        return self._database.clock_ns() + int(DELETING_S * 10**9)


async def erase(database: Database, document_id: str, upload: str | None, vectors: Vectors) -> None:
    """Remove all that is left of a hidden document, the row of the document last.

    Raises:
        StorageDown: Some is left.

    """
    await remove(database, document_id, vectors)
    if upload is not None:
        await drop(database, upload)
    await database.write(lambda: gone(document_id))
