"""Embeddings as the documents need them: who makes them is told from above."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain, islice
from typing import Protocol

from documents.document import Document, Passage
from documents.errors import EmbeddingFailed
from documents.parts import Meaning, meaning, parts_of

# What parts the words of a file's name.
_SIGNS = re.compile(r"[-_.\s]+")


class Embedder(Protocol):
    """Turns texts into vectors, on the account of one request or of one document."""

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return the vector of each text: float32, little endian, all of one length, not yet of length one.

        Raises:
            EmbeddingFailed: It cannot be had now; `EmbeddingRefused` when it never will.

        """
        ...


class Booking(Protocol):
    """Opens the account that the embeddings of a document are booked on."""

    @property
    def model(self) -> str:
        """The catalogue name of the embeddings model: vectors of different ones are never compared."""
        ...

    def open(self, document: Document) -> AbstractAsyncContextManager[Embedder]:
        """Open one entry in the books for a document; it is settled when the context ends.

        Raises:
            EmbeddingRefused: A budget does not cover it, or the model cannot be called.
            EmbeddingFailed: A limit or an outage stands in the way for now.

        """
        ...


async def embedded(embedder: Embedder, name: str, passages: Sequence[Passage]) -> list[Meaning]:
    """Return the vectors of each passage: of the whole, and of its parts.

    Args:
        embedder: Asked once.
        name: Of the document.
        passages: At least one.

    Raises:
        EmbeddingFailed: It cannot be had now; `EmbeddingRefused` when it never will.

    """
    parts = [parts_of(passage.text) for passage in passages]
    wholes = [text_of(name, passage) for passage in passages]
    vectors = await embedder.embed([*wholes, *chain.from_iterable(parts)])
    if len({len(vector) for vector in vectors}) != 1 or len(vectors) != len(wholes) + sum(map(len, parts)):
        raise EmbeddingFailed("the model answers with other vectors than it was asked for")
    rest = iter(vectors[len(wholes) :])
    meanings: list[Meaning] = []
    for whole, own in zip(vectors, parts, strict=False):
        # A vector takes a while to write: others have their turn in between.
        await asyncio.sleep(0)
        meanings.append(meaning(whole, islice(rest, len(own))))
    return meanings


def text_of(name: str, passage: Passage) -> str:
    """Return what of a whole passage is embedded: the document's name, the nearest title and the text."""
    title = _SIGNS.sub(" ", name.rpartition(".")[0] or name)
    return ". ".join(filter(None, (title, passage.heading.rpartition(" > ")[2], passage.text)))
