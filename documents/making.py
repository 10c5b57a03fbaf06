"""Making one document ready: read, embedded, and written a batch at a time, while its claim holds."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

from documents.claims import Claim, made_ready, mine
from documents.courtesy import NOBODY, Courtesy
from documents.derived import BATCH, Indexed, Vectors, added, passages_after, remove, remove_vectors
from documents.desk import sheet
from documents.document import Document, Passage
from documents.embed import Booking, Embedder, embedded
from documents.errors import Unreadable
from documents.parts import Meaning
from documents.reader import Reader
from documents.uploads import contents, drop, dropped
from storage.errors import StorageDown
from storage.script import Database, Query, Script

Batch = Sequence[tuple[int, Meaning]]
_NOT_INDEXED = "UPDATE documents SET indexed_by = NULL WHERE id = ?"


class Maker:
    """Makes documents ready, for whoever holds the claim."""

    def __init__(
        self,
        database: Database,
        vectors: Vectors,
        reader: Reader,
        booking: Booking | None,
        courtesy: Courtesy = NOBODY,
    ) -> None:
        """Keep what it works with; without `booking` there are no embeddings, and keywords alone find documents."""
        self._database = database
        self._vectors = vectors
        self._reader = reader
        self._booking = booking
        self._courtesy = courtesy
        self.indexed_by = None if booking is None else f"{vectors.name}/{booking.model}"

    async def make(self, held: Claim, own: Path) -> None:
        """Make a document ready that was uploaded.

        Args:
            held: The claim.
            own: The folder for the upload while it is read.

        Raises:
            ClaimLost: It is not for the caller to do any more.
            Unreadable, ParserDown: It cannot be read, ever or now.
            EmbeddingRefused, EmbeddingFailed: It cannot be embedded, ever or now.
            UnitRefused, StorageDown: The database does not take what it holds, or anything now.
            OSError: The disk does not take the upload.

        """
        if held.remains:
            await self.clear(held)
        passages = await self._read(held, own)
        last = await self._add_all_but_last(held, passages)
        more = await self._database.write(lambda: self._end(held, passages, last))
        if more and held.upload is not None:
            # Nothing names these any more: what stays is swept later.
            with suppress(StorageDown):
                await drop(self._database, held.upload)

    async def clear(self, held: Claim) -> None:
        """Remove what earlier tries made of it.

        Raises:
            ClaimLost, StorageDown: As above.

        """
        await remove(self._database, held.id, self._vectors, mine(held))

    async def embed_anew(self, held: Claim) -> None:
        """Give a document that is ready the vectors of the present model; meanwhile keywords alone find it.

        Raises:
            ClaimLost, EmbeddingRefused, EmbeddingFailed, UnitRefused, StorageDown: As above.

        """
        document = held.document
        await self._database.write(lambda: self._not_indexed(held))
        await remove_vectors(self._database, held.id, self._vectors, mine(held))
        async with self._embedder(document) as embedder:
            number = 0
            while rows := await self._database.read(lambda at=number: passages_after(held.id, at, BATCH)):
                began = monotonic()
                entries = await self._indexed(embedder, document, [passage for _, passage in rows])
                both = zip(rows, entries, strict=True)
                batch = [(row_id, entry.vector) for (row_id, _), entry in both if entry.vector]
                await self._database.write(lambda new=batch: self._more_vectors(held, new))
                number = rows[-1][1].number
                await self._courtesy.rest_after(monotonic() - began)
        await self._database.write(
            lambda: made_ready(held, document.tokens, document.passages, self.indexed_by),
        )

    async def _read(self, held: Claim, own: Path) -> tuple[Passage, ...]:
        with sheet(own, held.token) as path:
            if held.upload is not None:
                async with aclosing(contents(self._database, held.upload)) as chunks:
                    async for chunk in chunks:
                        await asyncio.to_thread(_append, path, chunk)
            passages = await self._reader.read(path, held.document.name, held.document.format)
        if not passages:
            raise Unreadable("there is no text in it")
        return passages

    async def _add_all_but_last(self, held: Claim, passages: Sequence[Passage]) -> list[Indexed]:
        """Write all batches but the last, which goes in with the end: a small document is one transaction."""
        batch: list[Indexed] = []
        async with self._embedder(held.document) as embedder:
            for start in range(0, len(passages), BATCH):
                began = monotonic()
                batch = await self._indexed(embedder, held.document, passages[start : start + BATCH])
                if start + BATCH < len(passages):
                    await self._database.write(lambda full=batch: self._more(held, full))
                    await self._courtesy.rest_after(monotonic() - began)
        return batch

    @asynccontextmanager
    async def _embedder(self, document: Document) -> AsyncGenerator[Embedder | None]:
        if self._booking is None:
            yield None
            return
        async with self._booking.open(document) as embedder:
            yield embedder

    async def _indexed(
        self, embedder: Embedder | None, document: Document, passages: Sequence[Passage]
    ) -> list[Indexed]:
        if embedder is None:
            return [Indexed(passage, None) for passage in passages]
        return list(map(Indexed, passages, await embedded(embedder, document.name, passages)))

    def _more(self, held: Claim, batch: Sequence[Indexed]) -> Script[None]:
        yield from mine(held)()
        yield from added(held.id, batch, self._vectors)

    def _end(self, held: Claim, passages: Sequence[Passage], last: Sequence[Indexed]) -> Script[bool]:
        yield from self._more(held, last)
        tokens = sum(passage.tokens for passage in passages)
        yield from made_ready(held, tokens, len(passages), self.indexed_by)
        return held.upload is not None and (yield from dropped(held.upload))

    def _not_indexed(self, held: Claim) -> Script[None]:
        yield from mine(held)()
        yield Query(_NOT_INDEXED, (held.id,))

    def _more_vectors(self, held: Claim, batch: Batch) -> Script[None]:
        yield from mine(held)()
        yield from self._vectors.add(held.id, batch)


def _append(path: Path, chunk: bytes) -> None:
    with path.open("ab") as file:
        file.write(chunk)
