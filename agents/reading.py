"""What one request reads of its project's documents: its searches, the passages it gave to models, its warnings."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Protocol

from msgspec import Struct

from agents.errors import ModelUnavailable, ProviderError
from agents.fence import Fence, Numbered
from agents.window import Window
from documents.document import Hit
from documents.errors import EmbeddingFailed
from pricing_tables.model import Model

# Eight passages of about 250 tokens hold what most questions need; models lose what stands in the middle of more
# (Liu et al., Lost in the Middle, 2023), and every token is paid for.
MOST_PASSAGES = 8
MOST_PASSAGE_TOKENS = 2_000
# The embedded models read 160 tokens a second on two idle cores: more would wait longer than anyone does.
MOST_EMBEDDED_PASSAGES = 3
MOST_EMBEDDED_PASSAGE_TOKENS = 600
# Embeddings models read 8,191 tokens at most (OpenAI) or a few hundred words (the embedded one), and the words of
# 200,000 characters would hold up the event loop for up to two seconds: of a long message, the beginning and the end
# say what is wanted.
LONGEST_QUESTION = 4_000
# What a passage that has no number yet is counted with: no number that a request reaches has more digits.
UNNUMBERED = 99

Search = Callable[[str, bytes | None, int], Awaitable[list[Hit]]]
Warn = Callable[[str], None]


class Embeddings(Protocol):
    """Embeds texts on the account of the request."""

    async def embed(self, model: Model, texts: Sequence[str]) -> tuple[bytes, ...]:
        """Return the vector of each text: float32, little endian."""
        ...


class Source(Struct, frozen=True):
    """A passage that a model was given; `passage` is its number in the document, from 1."""

    document_id: str
    name: str
    passage: int
    score: float
    text: str


class Claim(Struct, frozen=True):
    """A statement of an answer, whether passages support it, and the numbers of those."""

    claim: str
    supported: bool
    passages: tuple[int, ...] = ()


class Check(Struct, frozen=True):
    """Whether passages support every claim of an answer; None when nobody can say."""

    supported: bool | None = None
    claims: tuple[Claim, ...] = ()


class Reading:
    """The documents of one request.

    Args:
        search: Looks for a question, its vector or None, and a number of passages; it knows no other documents.
        embeddings: Embeds on the request's meter.
        model: The embeddings model.
        warn: Adds a warning to the receipt.
        window: Fits the prompts that hold passages.
        checks: Whether a pipeline that can check its answer does.

    Attributes:
        fence: Around everything that is not ours in the prompts of this request.
        window: Fits the prompts that hold passages.
        checks: Whether a pipeline that can check its answer does.
        check: What a check of the answer found; None when there was none.

    """

    def __init__(
        self, search: Search, embeddings: Embeddings, model: Model, warn: Warn, window: Window, *, checks: bool = False
    ) -> None:
        self.fence = Fence()
        self.window = window
        self.checks = checks
        self.check: Check | None = None
        self._search = search
        self._embeddings = embeddings
        self._model = model
        self._warn = warn
        self._given: dict[tuple[str, int], Numbered] = {}
        self._told: set[str] = set()
        self._lost = (0, 0)

    @property
    def sources(self) -> list[Source]:
        """The passages that models were given, in the order of their numbers."""
        return [_source(each.hit) for each in self._given.values()]

    @property
    def given(self) -> list[Hit]:
        """The passages that models were given, in the order of their numbers."""
        return [each.hit for each in self._given.values()]

    async def search(self, question: str, limit: int = MOST_PASSAGES) -> list[Hit]:
        """Return the best passages for a question, best first, `limit` at most."""
        (hits,) = await self.search_all([question], limit)
        return hits

    async def search_all(self, questions: Sequence[str], limit: int = MOST_PASSAGES) -> list[list[Hit]]:
        """Return the best passages for each question; the questions are embedded in one call.

        Without embeddings, keywords alone are looked for, and a warning says so.

        Raises:
            AccountError: A budget does not cover the embeddings.
            StorageDown: The documents cannot be read now.

        """
        sought = [_shortened(question) for question in questions]
        vectors = await self._vectors(sought)
        return [await self._found(each, vector, limit) for each, vector in zip(sought, vectors, strict=True)]

    async def _found(self, question: str, vector: bytes | None, limit: int) -> list[Hit]:
        try:
            return await self._search(question, vector, limit)
        except EmbeddingFailed:
            # The model's answer to a text without a word that it knows may be no direction at all.
            self.warn("retrieval-keywords-only")
            return await self._search(question, None, limit)

    async def _vectors(self, questions: Sequence[str]) -> Sequence[bytes | None]:
        try:
            return await self._embeddings.embed(self._model, questions)
        except (ProviderError, ModelUnavailable):
            self.warn("retrieval-keywords-only")
            return [None] * len(questions)

    def foresee(self, hits: Iterable[Hit]) -> list[Numbered]:
        """Return passages as `give` would number them, for a count: no number is longer in the end."""
        return [self._given.get(_key(hit)) or Numbered(UNNUMBERED, hit) for hit in hits]

    def give(self, hits: Iterable[Hit]) -> list[Numbered]:
        """Number passages that a model is given now; the same passage has the same number in the whole request."""
        return [self._given.setdefault(_key(hit), Numbered(len(self._given) + 1, hit)) for hit in hits]

    def warn(self, code: str) -> None:
        """Add a warning to the receipt, once."""
        if code not in self._told:
            self._told.add(code)
            self._warn(code)

    def lost(self, turns: int, passages: int) -> None:
        """Note what a prompt had to give up; what counts is the prompt that lost most."""
        self._lost = max(self._lost[0], turns), max(self._lost[1], passages)

    def end(self) -> None:
        """Tell what was given up; called once no prompt follows."""
        turns, passages = self._lost
        if turns:
            self.warn(f"history-trimmed: {turns} turns")
        if passages:
            self.warn(f"passages-trimmed: {passages}")


def best_of(found: Iterable[Sequence[Hit]], model: Model, most: int = MOST_PASSAGES) -> list[Hit]:
    """Return the passages of several searches, each search's best first, as many as one prompt of a model may hold."""
    tokens_left = MOST_PASSAGE_TOKENS
    if model.embedded:
        most, tokens_left = min(most, MOST_EMBEDDED_PASSAGES), MOST_EMBEDDED_PASSAGE_TOKENS
    chosen: dict[tuple[str, int], Hit] = {}
    for hit in (each for row in zip_longest(*found) for each in row if each is not None):
        if _key(hit) in chosen:
            continue
        tokens_left -= hit.passage.tokens
        if len(chosen) == most or (chosen and tokens_left < 0):
            break
        chosen[_key(hit)] = hit
    return list(chosen.values())


def _key(hit: Hit) -> tuple[str, int]:
    return hit.document_id, hit.passage.number


def _source(hit: Hit) -> Source:
    return Source(hit.document_id, hit.name, hit.passage.number, round(hit.score, 4), hit.passage.text)


def _shortened(question: str) -> str:
    half = LONGEST_QUESTION // 2
    return question if len(question) <= LONGEST_QUESTION else f"{question[:half]}\n{question[-half:]}"
