"""The index of any database: vectors are BLOBs, and those that were asked for stay in memory as long as they fit."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from heapq import nlargest
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec import Struct

from documents.index import Also
from documents.parts import Meaning, sharpened
from documents.vectors import WIDTH, numpy
from storage.script import Database, Query, Script, Write, places
from storage.statement import delete_from, upsert

if TYPE_CHECKING:
    import numpy as np

_MEMORY = 256 * 2**20  # bytes
_AT_ONCE = 32 * 2**20  # bytes that one transaction reads
_PART = 512  # documents
_ADD = upsert("vectors", ("passage_id", "document_id", "vector", "parts"), key=1, rank=5)
_MARK = upsert("vector_sets", ("document_id", "generation"), key=1, rank=5)
_REMOVE = delete_from("vectors", "document_id", rank=6)
_UNMARK = delete_from("vector_sets", "document_id", rank=6)


class _Set(Struct, frozen=True, eq=False):
    """The vectors of one document: passage ids of shape (n,), vectors of shape (n, d)."""

    generation: str
    ids: "np.ndarray"
    vectors: "np.ndarray"

    @property
    def size(self) -> int:
        return self.vectors.nbytes


class _Memory:
    """The sets of vectors that were used last, up to a size; it may be called from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sets: OrderedDict[str, _Set] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    @property
    def size(self) -> int:
        return self._size

    def get(self, document_id: str, generation: str) -> _Set | None:
        with self._lock:
            found = self._sets.get(document_id)
            if found is None or found.generation != generation:
                return None
            self._sets.move_to_end(document_id)
            return found

    def put(self, document_id: str, made: _Set) -> None:
        self.drop(document_id)
        with self._lock:
            self._sets[document_id] = made
            self._size += made.size
            while self._size > self._most:
                _, oldest = self._sets.popitem(last=False)
                self._size -= oldest.size

    def drop(self, document_id: str) -> None:
        with self._lock:
            gone = self._sets.pop(document_id, None)
            self._size -= gone.size if gone else 0


class BlobIndex:
    """Compares a question with every vector of the documents, in a thread.

    Each set of vectors has a generation, which changes whenever the set does: what is in memory counts only while the
    database tells the same one, so no replica finds what another has removed or replaced.
    """

    name = "blob"

    def __init__(self, database: Database, memory: int = _MEMORY) -> None:
        """Take a database at head.

        Args:
            database: Where the vectors are.
            memory: How many bytes of vectors are kept at most.

        """
        self._database = database
        self._memory = _Memory(memory)
        self._loading = asyncio.Lock()

    @property
    def memory(self) -> int:
        """How many bytes of vectors are kept now."""
        return self._memory.size

    def add(self, document_id: str, rows: Sequence[tuple[int, Meaning]]) -> Script[None]:
        """Write vectors of passages."""
        yield Write(_ADD, [(passage_id, document_id, one.whole, one.parts) for passage_id, one in rows])
        yield Write(_MARK, [(document_id, uuid4().hex)])

    def remove(self, document_id: str) -> Script[None]:
        """Remove all vectors of a document."""
        self._memory.drop(document_id)
        yield Write(_REMOVE, [(document_id,)])
        yield Write(_UNMARK, [(document_id,)])

    async def nearest(self, document_ids: Sequence[str], vector: bytes, limit: int, also: Also) -> dict[int, float]:
        """Return the likeness of the nearest passages, and of those in `also`."""
        best: dict[int, float] = {}
        rest: dict[int, float] = {}
        others = await also()
        for start in range(0, len(document_ids), _PART):
            part = document_ids[start : start + _PART]
            waiting = dict(await self._database.read(lambda part=part: _generations(part)))
            while waiting:
                ready = await self._sets(waiting)
                near, wanted = await asyncio.to_thread(_compare, ready, vector, limit, others)
                best = dict(nlargest(limit, (best | near).items(), key=lambda found: found[1]))
                rest |= wanted
        found = rest | best
        if not found:
            return found
        parts = await self._database.read(lambda: _parts(list(found)))
        return await asyncio.to_thread(sharpened, found, parts, vector)

    async def _sets(self, waiting: dict[str, str]) -> list[_Set]:
        """Take out of `waiting`, generations by document, what is in memory or can be read at once."""
        ready = self._known(waiting)
        if waiting:
            async with self._loading:
                # Another request may have read them meanwhile.
                ready += self._known(waiting)
                read = await self._database.read(lambda: _read(list(waiting)))
            for document_id, made in read.items():
                del waiting[document_id]
                if made is not None:
                    self._memory.put(document_id, made)
                    ready.append(made)
        return ready

    def _known(self, waiting: dict[str, str]) -> list[_Set]:
        known: list[_Set] = []
        for document_id, generation in list(waiting.items()):
            found = self._memory.get(document_id, generation)
            if found is not None:
                known.append(found)
                del waiting[document_id]
        return known


def _generations(document_ids: Sequence[str]) -> Script[list[tuple[str, str]]]:
    rows = yield Query(
        f"SELECT document_id, generation FROM vector_sets WHERE document_id IN ({places(len(document_ids))})",  # noqa: S608 - placeholders
        tuple(document_ids),
    )
    return [(document_id, generation) for document_id, generation in rows]


def _parts(passage_ids: Sequence[int]) -> Script[list[tuple[int, bytes]]]:
    rows = yield Query(
        f"SELECT passage_id, parts FROM vectors WHERE passage_id IN ({places(len(passage_ids))})",  # noqa: S608 - placeholders
        tuple(passage_ids),
    )
    return [(passage_id, parts) for passage_id, parts in rows]


def _read(document_ids: Sequence[str]) -> Script[dict[str, _Set | None]]:
    """Read the sets of documents, as many as one transaction may; None where there is none any more."""
    sets: dict[str, _Set | None] = {}
    size = 0
    for document_id in document_ids:
        marks = yield Query("SELECT generation FROM vector_sets WHERE document_id = ?", (document_id,))
        rows = yield Query("SELECT passage_id, vector FROM vectors WHERE document_id = ?", (document_id,))
        made = sets[document_id] = _set(marks[0][0], rows) if marks and rows else None
        size += made.size if made else 0
        if size > _AT_ONCE:
            break
    return sets


def _set(generation: str, rows: Sequence[tuple[int, bytes]]) -> _Set:
    np = numpy()
    width = len(rows[0][1])
    alike = [row for row in rows if len(row[1]) == width]
    vectors = np.frombuffer(b"".join(vector for _, vector in alike), dtype="<f4").reshape(len(alike), -1)
    return _Set(generation, np.array([number for number, _ in alike], dtype=np.int64), vectors)


def _compare(
    sets: Sequence[_Set], vector: bytes, limit: int, also: Sequence[int]
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the cosines of the nearest, and of those in `also`."""
    np = numpy()
    question = np.frombuffer(vector, dtype="<f4")
    alike = [one for one in sets if one.vectors.shape[1] == len(vector) // WIDTH]
    if not alike:
        return {}, {}
    ids = np.concatenate([one.ids for one in alike])
    cosines = np.empty(len(ids), dtype=np.float32)
    start = 0
    for one in alike:
        stop = start + len(one.ids)
        np.dot(one.vectors, question, out=cosines[start:stop])
        start = stop
    top = np.argpartition(cosines, -limit)[-limit:] if limit < len(ids) else np.arange(len(ids))
    wanted = np.flatnonzero(np.isin(ids, np.array(also, dtype=np.int64)))
    return _by_id(ids, cosines, top), _by_id(ids, cosines, wanted)


def _by_id(ids: "np.ndarray", cosines: "np.ndarray", chosen: "np.ndarray") -> dict[int, float]:
    return dict(zip(ids[chosen].tolist(), cosines[chosen].tolist(), strict=True))
