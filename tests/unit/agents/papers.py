"""Passages, and the reading of them, for agents that are tested without a database."""

from collections.abc import Sequence

from agents.errors import ProviderDown
from agents.messages import Message, Task
from agents.reading import Reading
from agents.window import Window
from documents.document import Hit, Passage
from documents.errors import EmbeddingRefused
from pricing_tables.model import Model
from tests.faults.prompts import model

DOCUMENT = "8a5b1de7-4ac3-4f45-b0f9-2e9571f6f3d1"


def hit(number: int, text: str = "Le pont coûte douze millions.", *, name: str = "pont.txt", tokens: int = 10) -> Hit:
    return Hit(DOCUMENT, name, Passage(number, "", text, tokens), 1 / number)


class Words:
    """Counts a token a word, and two a message."""

    def __init__(self) -> None:
        self.counted = 0

    async def count(self, _model: Model, messages: Sequence[Message]) -> int:
        self.counted += 1
        return sum(2 + len(message.content.split()) for message in messages)


class Shelf:
    """A project of its own: what is found for each question, and what was asked of it."""

    def __init__(
        self, *hits: Hit, found: dict[str, list[Hit]] | None = None, embeds: bool = True, pointless: bool = False
    ) -> None:
        self.embedded: list[tuple[str, ...]] = []
        self.asked: list[tuple[str, bytes | None]] = []
        self.warnings: list[str] = []
        self._hits = list(hits)
        self._found = found or {}
        self._embeds = embeds
        self._pointless = pointless

    async def embed(self, _model: Model, texts: Sequence[str]) -> tuple[bytes, ...]:
        self.embedded.append(tuple(texts))
        if not self._embeds:
            raise ProviderDown
        return tuple(text.encode() for text in texts)

    async def search(self, question: str, vector: bytes | None, limit: int) -> list[Hit]:
        self.asked.append((question, vector))
        if self._pointless and vector is not None:
            raise EmbeddingRefused
        return self._found.get(question, self._hits)[:limit]

    def reading(self, *, window: Window | None = None, checks: bool = False) -> Reading:
        fits = window or Window(Words(), 1000)
        return Reading(self.search, self, model("embedder"), self.warnings.append, fits, checks=checks)


def task(message: str, reading: Reading | None, *, context_window: int = 4096, **fields: object) -> Task:
    answers = Model(
        **{name: getattr(model("m"), name) for name in Model.__struct_fields__} | {"context_window": context_window}
    )
    return Task(message, answers, reading=reading, **fields)
