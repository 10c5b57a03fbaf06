"""Searches the documents of a project: by meaning first, and by words as a boost."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from heapq import nlargest
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from documents.document import Hit, Passage
from documents.errors import SourcesUnknown
from documents.index import Index
from documents.keywords import keywords_of
from documents.vectors import unit
from documents.words import Word, asked, words_of
from storage.script import Database, Query, Rows, Script, places

_NEAREST = 100  # passages that the vectors propose
_HOLDING = 50  # passages that the words propose
_WORDS = 32  # of a question, looked for
BOOST = 0.2
"""What all words of a question add to a likeness: exact names and codes win, prose keeps the order of its meaning."""
COMPANY = 0.3
"""What the best passages of its document add to a passage; this and `BOOST` were chosen by `make eval`."""
CODES = 0.5
"""What all codes of a question add: whoever writes REF-2024/017 wants no other, however near it is in meaning."""
_CODE = 3  # how many times a code counts among the words
_BEST = 2
_ROUND = 50

_SCOPE = (
    "SELECT id, state, indexed_by, passages FROM documents WHERE project_id = ? AND state <> 'deleting' ORDER BY id"
)
# The passages first: a planner may take all documents of the project for the shorter way.
_PASSAGES = """
    WITH found AS MATERIALIZED (SELECT id, document_id, number, heading, text, tokens, words
        FROM passages WHERE id IN ({}))
    SELECT found.id, document_id, indexed_by, name, number, heading, text, found.tokens, words
    FROM found JOIN documents ON documents.id = document_id WHERE project_id = ? AND state = 'ready'
"""


class Scope(Struct, frozen=True):
    """What one request may read.

    Attributes:
        project_id: Whose documents they are.
        document_ids: Those that are ready, of the named sources if any were named.
        waiting: Named sources that are not ready, or have failed.
        coming: How many documents are still being made ready, where no source was named.
        indexed: Those of `document_ids` that are found by vector.
        passages: How many the documents have.

    """

    project_id: str
    document_ids: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    coming: int = 0
    indexed: tuple[str, ...] = ()
    passages: int = 0


class _Weights:
    """What each word of a question tells: the rarer, the more; of length one in all."""

    def __init__(self, words: Sequence[Word], counts: Sequence[int], passages: int) -> None:
        plain = [
            math.log(1 + passages / (count + 0.5)) * (_CODE if word.code else 1)
            for word, count in zip(words, counts, strict=True)
        ]
        whole = sum(plain) or 1.0
        self.of = [weight / whole for weight in plain]
        self._words = words
        self._codes = [word for word, count in zip(words, counts, strict=True) if word.code and count]

    @property
    def has_codes(self) -> bool:
        """Whether any code of the question is anywhere."""
        return bool(self._codes)

    def codes(self, terms: frozenset[str]) -> float:
        """Return how many of the question's codes a passage holds, from 0 to 1; one that is nowhere is passed over."""
        held = sum(not terms.isdisjoint(word.terms) for word in self._codes)
        return held / len(self._codes) if held else 0.0

    def share(self, terms: frozenset[str], words: str) -> float:
        """Return how much of the question a passage holds, from 0 to 1; a word that begins alike counts as well.

        Args:
            terms: What counts as held.
            words: Of the passage, parted by spaces, in which beginnings are looked for.

        """
        begun = f" {words}"
        return sum(
            weight
            for word, weight in zip(self._words, self.of, strict=True)
            if not terms.isdisjoint(word.terms) or any(f" {letters}" in begun for letters in word.beginnings)
        )


class Library:
    """The passages of projects, found by meaning and by words."""

    def __init__(self, database: Database, index: Index, model: str | None, boost: float = BOOST) -> None:
        """Read nothing yet.

        Args:
            database: Where the documents are.
            index: Where their vectors are.
            model: The embeddings model of questions; documents indexed by another are found by words alone.
            boost: What all words of a question add to a cosine.

        """
        self._database = database
        self._index = index
        self._keywords = keywords_of(database)
        self._boost = boost
        self._indexed_by = None if model is None else f"{index.name}/{model}"

    async def scope(self, project_id: str, sources: Sequence[str]) -> Scope | None:
        """Return what a request may read; None when there is nothing to read.

        Args:
            project_id: The project of the request.
            sources: Ids of its documents; none stands for all that are ready.

        Raises:
            SourcesUnknown: The project has no such documents; the ids are listed.
            StorageDown: The database cannot be read now.

        """
        rows = await self._database.read(lambda: _ask(_SCOPE, project_id))
        if sources:
            named = set(sources)
            rows = [row for row in rows if row[0] in named]
            unknown = sorted(named.difference(row[0] for row in rows))
            if unknown:
                raise SourcesUnknown(", ".join(unknown), param="sources")
        ready = [row for row in rows if row[1] == "ready"]
        waiting = tuple(row[0] for row in rows if row[1] != "ready") if sources else ()
        coming = 0 if sources else sum(row[1] == "processing" for row in rows)
        if not ready and not waiting and not coming:
            return None
        return Scope(
            project_id=project_id,
            document_ids=tuple(row[0] for row in ready),
            waiting=waiting,
            coming=coming,
            indexed=tuple(row[0] for row in ready if self._indexed_by is not None and row[2] == self._indexed_by),
            passages=sum(row[3] or 0 for row in ready),
        )

    async def search(self, scope: Scope, question: str, vector: bytes | None, limit: int) -> list[Hit]:
        """Return the passages that fit a question best, best first.

        Args:
            scope: Nothing else is read.
            question: In any words.
            vector: Of the question, by the embeddings model; None searches by words alone.
            limit: How many passages at most.

        Raises:
            EmbeddingRefused: The vector is none.
            StorageDown: The documents cannot be read now.

        """
        words = asked(question, _WORDS)
        # On a server the words are looked up while the vectors are compared.
        looking = asyncio.create_task(self._looked_up(words, scope))
        try:
            cosines: dict[int, float] = {}
            if vector is not None and scope.indexed:

                async def also() -> Sequence[int]:
                    return (await looking)[1]

                cosines = await self._index.nearest(scope.indexed, unit(vector), _NEAREST, also)
            weights, proposed = await looking
        finally:
            looking.cancel()
            # What it raised is raised above, unless something else was.
            await asyncio.wait([looking])
            _ = looking.cancelled() or looking.exception()
        rows = await self._database.read(lambda: _passages(scope, {*proposed, *cosines}))
        boost = self._boost if vector is not None else None
        # A document that is being indexed anew, by another model perhaps, is found by its words meanwhile.
        same = self._indexed_by
        hits = [_hit(row, cosines.get(row[0], 0.0) if row[2] == same else 0.0, weights, boost) for row in rows]
        found = in_company([hit for hit in hits if hit.score > 0])
        return sorted(found, key=lambda hit: (-hit.score, hit.document_id, hit.passage.number))[:limit]

    async def _looked_up(self, words: Sequence[Word], scope: Scope) -> tuple[_Weights, list[int]]:
        """Return what each word tells, and the passages that the words propose."""
        holding = await self._database.read(lambda: self._keywords.holding(words, scope.document_ids, scope.passages))
        weights = _Weights(words, [len(ids) for ids in holding], scope.passages)
        return weights, _proposed(holding, weights.of)


def in_company(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits whose scores tell of their documents too: where much fits, what fits is more likely meant.

    A document counts by the mean of its best `_BEST` passages; of one that has fewer, the lowest score stands in.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    for hit in hits:
        scores[hit.document_id].append(hit.score)
    lowest = min((hit.score for hit in hits), default=0.0)
    means = {document_id: sum(nlargest(_BEST, own + [lowest] * _BEST)) / _BEST for document_id, own in scores.items()}
    return [replace(hit, score=(hit.score + COMPANY * means[hit.document_id]) / (1 + COMPANY)) for hit in hits]


def _proposed(holding: Sequence[Sequence[int]], weights: Sequence[float]) -> list[int]:
    shares: dict[int, float] = defaultdict(float)
    for ids, weight in zip(holding, weights, strict=True):
        for passage_id in ids:
            shares[passage_id] += weight
    return nlargest(_HOLDING, shares, key=lambda passage_id: (shares[passage_id], -passage_id))


def _hit(row: tuple[Any, ...], cosine: float, weights: _Weights, boost: float | None) -> Hit:
    _, document_id, _, name, number, heading, text, tokens, words = row
    # Who asks by the name of a document finds its passages.
    terms = frozenset(words.split()) | _terms(name)
    score = weights.share(terms, words)
    if boost is not None:
        codes = CODES if weights.has_codes else 0.0
        score = (cosine + boost * score + codes * weights.codes(terms)) / (1 + boost + codes)
    # Vectors that are kept in half the bits are a little longer than one.
    return Hit(document_id, name, Passage(number, heading, text, tokens), min(score, 1.0))


@lru_cache(maxsize=4096)
def _terms(name: str) -> frozenset[str]:
    return frozenset(words_of(name).split())


def _passages(scope: Scope, ids: set[int]) -> Script[Rows]:
    if not ids:
        return []
    # Some of the ids more than once, so that there are few texts for the databases to prepare.
    known = sorted(ids)
    known += known[-1:] * (-len(known) % _ROUND)
    rows = yield Query(_PASSAGES.format(places(len(known))), (*known, scope.project_id))
    allowed = set(scope.document_ids)
    return [row for row in rows if row[1] in allowed]


def _ask(sql: str, *values: str) -> Script[Rows]:
    return (yield Query(sql, values))
