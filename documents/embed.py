"""Embeddings as the documents need them: who makes them is told from above."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from documents.document import Document, Passage


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


def text_of(name: str, passage: Passage) -> str:
    """Return what of a passage is embedded: its place in the document says what its text may leave out."""
    title = f"{name} > {passage.heading}" if passage.heading else name
    return f"{title}\n{passage.text}"
