"""Documents that are ready, written as they are taken in, with vectors that are told."""

from collections.abc import Sequence
from struct import pack

from documents.index import Index
from documents.parts import Meaning, meaning
from documents.vectors import unit
from documents.words import words_of
from storage.script import Database, Query, Script

MODEL = "told"
_DOCUMENT = """
    INSERT INTO documents (id, project_id, name, format, digest, size, state, created_at, subject, claimed_until_ns,
        tries, due_ns, passages, indexed_by) VALUES (?, ?, ?, 'txt', ?, 0, ?, '', 'sub', 0, 0, 0, ?, ?)
"""
_PASSAGE = (
    "INSERT INTO passages (document_id, number, heading, text, words, tokens) VALUES (?, ?, '', ?, ?, 1) RETURNING id"
)

Told = Sequence[tuple[str, Sequence[float]]]


def vector(*numbers: float) -> bytes:
    return pack(f"<{len(numbers)}f", *numbers)


def told(*numbers: float, parts: Sequence[Sequence[float]] = ()) -> Meaning:
    return meaning(vector(*numbers), [vector(*part) for part in parts])


async def put(
    database: Database, index: Index, document: str, passages: Told, *, project: str = "proj-a", state: str = "ready"
) -> list[int]:
    """Write a document and its passages, each a text and a vector; return the passage ids."""

    def script() -> Script[list[int]]:
        indexed_by = f"{index.name}/{MODEL}"
        yield Query(_DOCUMENT, (document, project, f"{document}.txt", document, state, len(passages), indexed_by))
        ids: list[int] = []
        for number, (text, _) in enumerate(passages, 1):
            rows = yield Query(_PASSAGE, (document, number, text, words_of(text)))
            ids.append(rows[0][0])
        vectors = [Meaning(unit(vector(*numbers))) for _, numbers in passages]
        yield from index.add(document, list(zip(ids, vectors, strict=True)))
        return ids

    return await database.write(script)


async def drop(database: Database, index: Index, document: str) -> None:
    """Remove a document and what was made of it."""

    def script() -> Script[None]:
        yield from index.remove(document)
        yield Query("DELETE FROM passages WHERE document_id = ?", (document,))
        yield Query("DELETE FROM documents WHERE id = ?", (document,))

    await database.write(script)
