"""What is made of a document: its passages and their vectors, written and removed a batch at a time."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from documents.document import Passage
from documents.parts import Meaning
from storage.script import Database, Query, Script, T

Allowed = Callable[[], Script[None]]
BATCH = 64
_REMOVED_AT_ONCE = 100
_ROW = "(?, ?, ?, ?, ?, ?)"
_INSERT = "INSERT INTO passages (document_id, number, heading, text, words, tokens) VALUES {} RETURNING id, number"
_REMOVE = """
    DELETE FROM passages WHERE id IN
    (SELECT id FROM passages WHERE document_id = ? ORDER BY number LIMIT ?) RETURNING id
"""
_REMOVE_VECTORS = """
    DELETE FROM vectors WHERE passage_id IN
    (SELECT passage_id FROM vectors WHERE document_id = ? ORDER BY passage_id LIMIT ?) RETURNING passage_id
"""
_AFTER = """
    SELECT id, number, heading, text, tokens FROM passages WHERE document_id = ? AND number > ? ORDER BY number LIMIT ?
"""


class Vectors(Protocol):
    """Where vectors are kept to be searched."""

    @property
    def name(self) -> str:
        """What kind it is: vectors in one kind are not found by another."""
        ...

    def add(self, document_id: str, rows: Sequence[tuple[int, Meaning]]) -> Script[None]:
        """Keep vectors, each with the id of its passage."""
        ...

    def remove(self, document_id: str) -> Script[None]:
        """Remove the vectors of a document."""
        ...


class Indexed(Struct, frozen=True):
    """A passage and its vectors; None where there are no embeddings."""

    passage: Passage
    vector: Meaning | None


def added(document_id: str, batch: Sequence[Indexed], vectors: Vectors) -> Script[None]:
    """Write passages that the document does not have yet."""
    values: list[str | int] = []
    for entry in batch:
        passage = entry.passage
        values += (document_id, passage.number, passage.heading, passage.text, passage.words, passage.tokens)
    rows = yield Query(_INSERT.format(",".join([_ROW] * len(batch))), tuple(values))
    ids = {number: row_id for row_id, number in rows}
    known = [(ids[entry.passage.number], entry.vector) for entry in batch if entry.vector is not None]
    if known:
        yield from vectors.add(document_id, known)


def passages_after(document_id: str, number: int, limit: int) -> Script[list[tuple[int, Passage]]]:
    """Return the passages of a document behind one of them, with their row ids."""
    rows = yield Query(_AFTER, (document_id, number, limit))
    return [(row_id, Passage(count, heading, text, tokens)) for row_id, count, heading, text, tokens in rows]


def _always() -> Script[None]:
    yield from ()


async def remove(database: Database, document_id: str, vectors: Vectors, allowed: Allowed = _always) -> None:
    """Remove all that was made of a document.

    Args:
        database: Where the passages are.
        document_id: The document; nobody may add to it meanwhile.
        vectors: Where its vectors are.
        allowed: Runs first in each transaction; raises when this is no longer for the caller to do.

    Raises:
        StorageDown: Some is left.

    """
    await remove_vectors(database, document_id, vectors, allowed)
    await _repeat(database, _REMOVE, document_id, allowed)


async def remove_vectors(database: Database, document_id: str, vectors: Vectors, allowed: Allowed = _always) -> None:
    """Remove the vectors of a document; its passages stay.

    Raises:
        StorageDown: Some are left.

    """
    # Where the index keeps them in this table, there would be too many for one transaction; elsewhere it is empty.
    await _repeat(database, _REMOVE_VECTORS, document_id, allowed)
    await database.write(lambda: _after(allowed, vectors.remove(document_id)))


async def _repeat(database: Database, sql: str, document_id: str, allowed: Allowed) -> None:
    while await database.write(lambda: _after(allowed, _some(sql, document_id))):
        pass


def _some(sql: str, document_id: str) -> Script[bool]:
    rows = yield Query(sql, (document_id, _REMOVED_AT_ONCE))
    return len(rows) == _REMOVED_AT_ONCE


def _after(allowed: Allowed, script: Script[T]) -> Script[T]:
    yield from allowed()
    return (yield from script)
