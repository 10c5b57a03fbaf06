"""At what rank each ranker finds the right passage."""

from collections.abc import Sequence

from msgspec import Struct

from documents.search import BOOST, Library
from eval.corpus import MODEL, PROJECT, Corpus

GOAL = 0.95
DEEPEST = 50  # what is found behind it counts as not found

Ranks = list[int | None]


class Figures(Struct, frozen=True):
    """The share of questions whose passage comes first, or among the first three; the mean of one over the rank."""

    top_1: float
    top_3: float
    mrr: float


def figures(ranks: Sequence[int | None]) -> Figures:
    """Return the figures of some ranks."""
    found = [rank for rank in ranks if rank is not None]
    return Figures(
        sum(rank == 1 for rank in found) / len(ranks),
        sum(rank <= 3 for rank in found) / len(ranks),  # noqa: PLR2004 - top three
        sum(1 / rank for rank in found) / len(ranks),
    )


async def by_meaning(made: Corpus) -> Ranks:
    """Rank by the cosine alone."""
    return await ours(made, boost=0.0)


async def by_words(made: Corpus) -> Ranks:
    """Rank by the words alone."""
    return await _ranks(made, BOOST, [None] * len(made.questions))


async def ours(made: Corpus, boost: float = BOOST) -> Ranks:
    """Rank as the gateway does."""
    return await _ranks(made, boost, made.vectors)


async def _ranks(made: Corpus, boost: float, vectors: Sequence[bytes | None]) -> Ranks:
    library = Library(made.database, made.index, MODEL, boost=boost)
    scope = await library.scope(PROJECT, ())
    if scope is None:
        raise SystemExit("there is nothing to read")
    ranks: Ranks = []
    for question, vector in zip(made.questions, vectors, strict=True):
        hits = await library.search(scope, question.question, vector, DEEPEST)
        right = (rank for rank, hit in enumerate(hits, 1) if question.is_answered_by(hit.name, hit.passage))
        ranks.append(next(right, None))
    return ranks
