"""Where vectors are kept and the nearest are found: numpy over BLOBs anywhere, pgvector on a PostgreSQL that has it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from documents.parts import Meaning
from storage.errors import StorageDown, UnitRefused
from storage.script import Database, Query, Rows, Script
from storage.sqlite import Sqlite

_HAS_HALVES = "SELECT 1 FROM pg_catalog.pg_type WHERE typname = 'halfvec'"
_CAN_HAVE = "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'vector'"


Also = Callable[[], Awaitable[Sequence[int]]]


async def no_others() -> Sequence[int]:
    """Return no passages: the nearest are enough."""
    return ()


class Index(Protocol):
    """Finds passages by their vectors.

    What `add` and `remove` return runs in a transaction of the caller. Both databases see at once what is committed,
    whichever replica wrote it.
    """

    @property
    def name(self) -> str:
        """What `documents.indexed_by` begins with."""
        ...

    def add(self, document_id: str, rows: Sequence[tuple[int, Meaning]]) -> Script[None]:
        """Write vectors of passages, each with the passage's id; those that are there are replaced."""
        ...

    def remove(self, document_id: str) -> Script[None]:
        """Remove all vectors of a document."""
        ...

    async def nearest(self, document_ids: Sequence[str], vector: bytes, limit: int, also: Also) -> dict[int, float]:
        """Return the likeness of the `limit` passages nearest to a vector, by passage id; the search is exact.

        The nearest are those whose whole has the highest cosine; their likeness tells of their parts too (`sharpened`).

        Args:
            document_ids: No passage of another document is looked at.
            vector: Of length one, float32, little endian; passages of another number of dimensions are not found.
            limit: At least 1.
            also: Returns passages whose likeness is wanted wherever they stand, asked once there is nothing else to do
                meanwhile; those of other documents are left out.

        Raises:
            StorageDown: The vectors cannot be read now.

        """
        ...


async def index_of(database: Database) -> Index:
    """Return the index for a database: pgvector where the extension is there or can be created, else blob.

    Raises:
        StorageDown: The database cannot be read now.

    """
    # numpy takes memory and time to start, and nobody has searched yet.
    from documents.blob_index import BlobIndex  # noqa: PLC0415 - see above
    from documents.pgvector_index import PgvectorIndex, make_table  # noqa: PLC0415 - same reason

    if isinstance(database, Sqlite) or not await _pgvector(database):
        return BlobIndex(database)
    await database.write_alone(make_table)
    return PgvectorIndex(database)


async def _pgvector(database: Database) -> bool:
    if await database.read(lambda: _ask(_HAS_HALVES)):
        return True
    if not await database.read(lambda: _ask(_CAN_HAVE)):
        return False
    # Not everybody may; an outage shows in the next question.
    with suppress(StorageDown, UnitRefused):
        await database.write_alone(lambda: _ask("CREATE EXTENSION IF NOT EXISTS vector"))
    return bool(await database.read(lambda: _ask(_HAS_HALVES)))


def _ask(sql: str) -> Script[Rows]:
    return (yield Query(sql))
