"""The index of a PostgreSQL with pgvector: halves of float32, compared where they are."""

import asyncio
from collections.abc import Iterable, Sequence

from documents.parts import Meaning, sharpened
from documents.vectors import WIDTH, numbers_of
from storage.script import Database, Query, Script, Write
from storage.statement import delete_from

# Main storage keeps up to 4,000 dimensions in the row, and more aside: the search reads every one, and fetching them
# from there would cost more than comparing them. There is no approximate index: what it finds would depend on what
# else is stored.
_TABLE = """
    CREATE TABLE IF NOT EXISTS passage_vectors (
        passage_id BIGINT PRIMARY KEY, document_id TEXT NOT NULL, embedding halfvec STORAGE MAIN NOT NULL,
        parts BYTEA STORAGE EXTERNAL NOT NULL)
"""
_BY_DOCUMENT = "CREATE INDEX IF NOT EXISTS passage_vectors_by_document ON passage_vectors (document_id)"
_ADD = """
    INSERT INTO passage_vectors (passage_id, document_id, embedding, parts)
    VALUES (?, ?, CAST(CAST(? AS text) AS halfvec), ?)
    ON CONFLICT (passage_id) DO UPDATE
    SET document_id = excluded.document_id, embedding = excluded.embedding, parts = excluded.parts
"""
_REMOVE = delete_from("passage_vectors", "document_id", rank=6)
# The blob index may have been in use before the extension came.
_REMOVE_BLOBS = delete_from("vectors", "document_id", rank=6)
_UNMARK_BLOBS = delete_from("vector_sets", "document_id", rank=6)
# The question is read once, not for every row, and the vectors are not sorted with their cosines. Vectors of another
# length cannot be compared and would end the query.
_COSINE = """
    WITH compared AS MATERIALIZED (
        SELECT passage_id, CASE WHEN vector_dims(embedding) = ? THEN
            -(embedding <#> (SELECT CAST(CAST(? AS text) AS halfvec))) END AS cosine
        FROM passage_vectors JOIN unnest(string_to_array(?, ',')) AS chosen (id) ON document_id = chosen.id
        {})
    SELECT passage_id, cosine FROM compared WHERE cosine IS NOT NULL
"""
_NEAREST = _COSINE.format("") + " ORDER BY cosine DESC LIMIT ?"
_ALSO = _COSINE.format("WHERE passage_id = ANY(CAST(string_to_array(?, ',') AS bigint[]))")
_PARTS = (
    "SELECT passage_id, parts FROM passage_vectors WHERE passage_id = ANY(CAST(string_to_array(?, ',') AS bigint[]))"
)


def make_table() -> Script[None]:
    """Make the table of vectors where it is missing; the extension must be there."""
    yield Query(_TABLE)
    yield Query(_BY_DOCUMENT)


class PgvectorIndex:
    """Has the server compare a question with every vector of the documents."""

    name = "pgvector"

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, document_id: str, rows: Sequence[tuple[int, Meaning]]) -> Script[None]:
        """Write vectors of passages."""
        for passage_id, one in rows:
            yield Query(_ADD, (passage_id, document_id, _text(one.whole), one.parts))

    def remove(self, document_id: str) -> Script[None]:
        """Remove all vectors of a document."""
        for statement in (_REMOVE, _REMOVE_BLOBS, _UNMARK_BLOBS):
            yield Write(statement, [(document_id,)])

    async def nearest(
        self, document_ids: Sequence[str], vector: bytes, limit: int, also: Sequence[int]
    ) -> dict[int, float]:
        """Return the likeness of the nearest passages, and of those in `also`."""
        question = (len(vector) // WIDTH, _text(vector), ",".join(document_ids))

        def script() -> Script[tuple[dict[int, float], list[tuple[int, bytes]]]]:
            rows = yield Query(_NEAREST, (*question, limit))
            if also:
                rows += yield Query(_ALSO, (*question, _list(also)))
            cosines = {passage_id: float(cosine) for passage_id, cosine in rows}
            parts = yield Query(_PARTS, (_list(cosines),))
            return cosines, [(passage_id, part) for passage_id, part in parts]

        cosines, parts = await self._database.read(script)
        return await asyncio.to_thread(sharpened, cosines, parts, vector)


def _list(passage_ids: Iterable[int]) -> str:
    return ",".join(map(str, passage_ids))


def _text(vector: bytes) -> str:
    return f"[{','.join(f'{number:.6g}' for number in numbers_of(vector))}]"
