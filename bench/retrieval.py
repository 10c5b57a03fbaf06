"""How long a search over 20,000 passages takes, on SQLite and with pgvector, and whether it finds codes."""

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from time import perf_counter

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from documents.index import Index, index_of
from documents.parts import Meaning
from documents.search import Library, Scope
from documents.words import words_of
from storage.migrations import upgrade
from storage.postgres import Postgres
from storage.script import Database, Query, Script
from storage.sqlite import Sqlite
from tests.servers import PostgresServer

WITHIN_S = 0.05
DIMENSIONS, PARTS, WORDS = 512, 8, 100
MODEL, PROJECT = "bench", "proj-default"
Place = tuple[str, Callable[[], Database]]
_DOCUMENT = """
    INSERT INTO documents (id, project_id, name, format, digest, size, state, created_at, subject, claimed_until_ns,
        tries, due_ns, passages, indexed_by) VALUES (?, ?, ?, 'txt', ?, 0, 'ready', '', 'bench', 0, 0, 0, ?, ?)
"""
_PASSAGE = "INSERT INTO passages (document_id, number, heading, text, words, tokens) VALUES "


def main() -> None:
    """Fill each database, search it, print how long that took, and end with 1 if one was slow or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--passages", type=int, default=20, help="of each document")
    parser.add_argument("--searches", type=int, default=200)
    given = parser.parse_args()
    print(f"{given.documents * given.passages:,} passages, vectors of {DIMENSIONS}, {given.searches} searches, in ms\n")
    print(f"{'':12} {'first':>8} {'p50':>8} {'p99':>8}")
    good = True
    for place in (_sqlite, _postgres):
        with place() as (name, made):
            good &= asyncio.run(_measure(name, made, given))
    sys.exit(not good)


async def _measure(name: str, made: Callable[[], Database], given: argparse.Namespace) -> bool:
    chance = random.Random(4)
    database = made()
    index = await index_of(database)
    for number in range(given.documents):
        await database.write(lambda at=number: _document(index, at, given.passages, chance))
    await database.aclose()
    # As after a restart.
    database = made()
    library = Library(database, await index_of(database), MODEL)
    times: list[float] = []
    right = 0
    for _ in range(given.searches + 1):
        wanted = f"doc-{chance.randrange(given.documents):05}"
        question = f"{_text(chance, 8)} REF-{wanted[4:]}/3 ?"
        vector = _vector(chance)
        begun = perf_counter()
        hits = await library.search(await _scope(library), question, vector, 8)
        times.append(perf_counter() - begun)
        right += any(hit.document_id == wanted for hit in hits)
    await database.aclose()
    first, warm = times[0], quantiles(times[1:], n=100)
    took = " ".join(f"{seconds * 1e3:8.1f}" for seconds in (first, warm[49], warm[98]))
    print(f"{name:12} {took}   {right} of {len(times)} codes found")
    return warm[49] < WITHIN_S and right == len(times)


async def _scope(library: Library) -> Scope:
    scope = await library.scope(PROJECT, ())
    if scope is None:
        raise SystemExit("nothing was written")
    return scope


def _document(index: Index, number: int, passages: int, chance: random.Random) -> Script[None]:
    document = f"doc-{number:05}"
    yield Query(_DOCUMENT, (document, PROJECT, f"{document}.txt", document, passages, f"{index.name}/{MODEL}"))
    values: list[str | int] = []
    for at in range(passages):
        text = f"{_text(chance, WORDS)} REF-{number:05}/{at}"
        values += (document, at + 1, "", text, words_of(text), WORDS)
    rows = yield Query(_PASSAGE + ",".join(["(?, ?, ?, ?, ?, ?)"] * passages) + " RETURNING id", tuple(values))
    yield from index.add(document, [(passage_id, _meaning(chance)) for (passage_id,) in rows])


def _meaning(chance: random.Random) -> Meaning:
    # Parts that are alike cost as much to compare as others.
    vector = _vector(chance)
    numbers = np.frombuffer(vector, dtype="<f4")
    return Meaning(vector, np.rint(numbers / np.abs(numbers).max() * 127).astype(np.int8).tobytes() * PARTS)


def _vector(chance: random.Random) -> bytes:
    numbers = np.frombuffer(chance.randbytes(DIMENSIONS), dtype=np.int8).astype("<f4")
    return (numbers / np.linalg.norm(numbers)).astype("<f4").tobytes()


def _text(chance: random.Random, count: int) -> str:
    """Return words as often as they are in texts: the second half as often as the first (Zipf)."""
    return " ".join(f"mot{_name(int(20_000 ** chance.random()))}" for _ in range(count))


def _name(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


@contextmanager
def _sqlite() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "router.db"
        upgrade(f"sqlite:///{path}")
        yield "SQLite", lambda: Sqlite(path)


@contextmanager
def _postgres() -> Iterator[Place]:
    server = PostgresServer()
    try:
        server.start()
        url = server.fresh()
        upgrade(url)
        yield "PostgreSQL", lambda: Postgres(url)
    finally:
        server.close()


if __name__ == "__main__":
    main()
