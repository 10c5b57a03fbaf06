"""The documents of the evaluation in a library of their own: really parsed, really cut, really embedded."""

import tomllib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct, convert

from agents.local.busy import Busy
from agents.local.embeddings import Embeddings
from documents.document import Passage
from documents.embed import embedded
from documents.index import Index, index_of
from documents.parsing.formats import format_of
from documents.parsing.parser import Parser
from documents.parts import Meaning
from documents.words import words_of
from storage.migrations import upgrade
from storage.script import Database, Query, Script
from storage.sqlite import Sqlite

HERE = Path(__file__).resolve().parent
SETS = {"tuned": "questions.toml", "held out": "held_out.toml", "unseen": "unseen.toml"}
FILES = sorted((HERE / "documents").iterdir())
PROJECT = "proj-default"
MODEL = "use-multilingual-v3"
TOKENIZERS = HERE.parent / "models" / "tokenizers"
_DOCUMENT = """
    INSERT INTO documents (id, project_id, name, format, digest, size, state, created_at, subject, claimed_until_ns,
        tries, due_ns, passages, indexed_by) VALUES (?, ?, ?, ?, ?, ?, 'ready', '', 'eval', 0, 0, 0, ?, ?)
"""
_PASSAGE = """
    INSERT INTO passages (document_id, number, heading, text, words, tokens) VALUES (?, ?, ?, ?, ?, ?) RETURNING id
"""


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked, how it relates to the words of the document, and what the right passage holds."""

    question: str
    language: str
    kind: str
    document: str
    quote: str

    def is_answered_by(self, document: str, text: str) -> bool:
        """Whether a passage of a document is the right one; line ends do not count."""
        return document == self.document and self.quote in " ".join(text.split())


class Corpus(Struct, frozen=True):
    """The documents, searchable, and questions with their vectors."""

    database: Database
    index: Index
    passages: int
    questions: tuple[Question, ...]
    vectors: tuple[bytes, ...]


class _Embedder:
    """The embedded model in this process."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        return (await self._embeddings.embed(texts)).vectors


@asynccontextmanager
async def corpora(folder: Path) -> AsyncGenerator[dict[str, Corpus]]:
    """Take the documents in and embed the questions; by the name of their set.

    Args:
        folder: Where the database is made.

    """
    upgrade(f"sqlite:///{folder}/eval.db")
    database = Sqlite(folder / "eval.db")
    embeddings = Embeddings(Busy())
    try:
        index = await index_of(database)
        count = 0
        for name, passages in (await _parsed()).items():
            meanings = await embedded(_Embedder(embeddings), name, passages)
            await database.write(lambda made=(name, passages, meanings): _added(index, *made))
            count += len(passages)
        made: dict[str, Corpus] = {}
        for name in SETS:
            asked = questions(name)
            answers = await embeddings.embed([question.question for question in asked])
            made[name] = Corpus(database, index, count, asked, tuple(answers.vectors))
        yield made
    finally:
        await database.aclose()


def questions(name: str) -> tuple[Question, ...]:
    """Return the questions of a set."""
    return convert(tomllib.loads((HERE / SETS[name]).read_text())["question"], tuple[Question, ...])


async def _parsed() -> dict[str, tuple[Passage, ...]]:
    parser = Parser(TOKENIZERS)
    try:
        return {path.name: await _read(parser, path) for path in FILES}
    finally:
        await parser.aclose()


async def _read(parser: Parser, path: Path) -> tuple[Passage, ...]:
    format_ = format_of(path.read_bytes(), path.name)  # noqa: ASYNC240 - nobody else waits for this loop
    if format_ is None:
        raise SystemExit(f"{path.name} is of no format that is read")
    return await parser.read(path, path.name, format_)


def _added(index: Index, name: str, passages: Sequence[Passage], meanings: Sequence[Meaning]) -> Script[None]:
    values = (name, PROJECT, name, "txt", name, 0, len(passages), f"{index.name}/{MODEL}")
    yield Query(_DOCUMENT, values)
    rows: list[tuple[int, Meaning]] = []
    for passage, meaning in zip(passages, meanings, strict=True):
        words = words_of(f"{passage.heading}\n{passage.text}")
        made = yield Query(_PASSAGE, (name, passage.number, passage.heading, passage.text, words, passage.tokens))
        rows.append((made[0][0], meaning))
    yield from index.add(name, rows)
