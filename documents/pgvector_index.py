"""The index of a PostgreSQL with pgvector: halves of float32, compared where they are."""

import asyncio
from collections.abc import Iterable, Sequence

from documents.index import Also
from documents.parts import Meaning, sharpened
from documents.vectors import WIDTH, numbers_of
from storage.script import Database, Query, Rows, Script, Write
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
_COSINE = """CASE WHEN vector_dims(embedding) = ? THEN
    -(embedding <#> (SELECT CAST(CAST(? AS text) AS halfvec))) END AS cosine"""
_NEAREST = f"""
    WITH compared AS MATERIALIZED (
        SELECT passage_id, {_COSINE}
        FROM passage_vectors JOIN unnest(string_to_array(?, ',')) AS chosen (id) ON document_id = chosen.id)
    SELECT passage_id, cosine FROM compared WHERE cosine IS NOT NULL ORDER BY cosine DESC LIMIT ?
"""  # noqa: S608 - constants
# Found by their ids first: the planner would rather read all documents.
_ALSO = f"""
    WITH wanted AS MATERIALIZED (
        SELECT passage_id, document_id, embedding FROM passage_vectors
        WHERE passage_id = ANY(CAST(string_to_array(?, ',') AS bigint[]))),
    compared AS MATERIALIZED (
        SELECT passage_id, {_COSINE} FROM wanted WHERE document_id = ANY(string_to_array(?, ',')))
    SELECT passage_id, cosine FROM compared WHERE cosine IS NOT NULL
"""  # noqa: S608 - constants
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

    async def nearest(self, document_ids: Sequence[str], vector: bytes, limit: int, also: Also) -> dict[int, float]:
        """Return the likeness of the nearest passages, and of those in `also`."""
        question, documents = (len(vector) // WIDTH, _text(vector)), ",".join(document_ids)
        near = await self._database.read(lambda: _ask(_NEAREST, *question, documents, limit))
        cosines = {passage_id: float(cosine) for passage_id, cosine in near}
        wanted = [passage_id for passage_id in await also() if passage_id not in cosines]

        def rest() -> Script[list[tuple[int, bytes]]]:
            if wanted:
                rows = yield Query(_ALSO, (_list(wanted), *question, documents))
                cosines.update({passage_id: float(cosine) for passage_id, cosine in rows})
            parts = yield Query(_PARTS, (_list(cosines),))
            return [(passage_id, part) for passage_id, part in parts]

        parts = await self._database.read(rest)
        return await asyncio.to_thread(sharpened, cosines, parts, vector)


def _ask(sql: str, *values: str | int) -> Script[Rows]:
    return (yield Query(sql, values))


def _list(passage_ids: Iterable[int]) -> str:
    return ",".join(map(str, passage_ids))


def _text(vector: bytes) -> str:
    return f"[{','.join(f'{number:.6g}' for number in numbers_of(vector))}]"
