"""Plain text: paragraphs between empty lines; comma-separated values are a table."""

import io
from collections.abc import Generator, Iterator
from typing import BinaryIO

from documents.parsing.blocks import Block
from documents.parsing.clean import clean
from documents.parsing.encodings import encoding_of
from documents.parsing.formats import TABLES
from documents.parsing.limits import Limits

# A line or a paragraph that goes on is read in pieces: a file of any length takes no memory.
LINE_CHARS = 16_000
PARAGRAPH_CHARS = 64_000


def blocks(source: BinaryIO, suffix: str, limits: Limits) -> Generator[Block]:  # noqa: ARG001 - as every parser
    """Yield the paragraphs of a text, whatever its length."""
    text = io.TextIOWrapper(source, encoding_of(source))
    kind = "table" if suffix in TABLES else "text"
    for paragraph in _paragraphs(iter(lambda: text.readline(LINE_CHARS), "")):
        if cleaned := clean(paragraph):
            yield Block(kind, cleaned)


def _paragraphs(lines: Iterator[str]) -> Generator[str]:
    waiting: list[str] = []
    length = 0
    for line in lines:
        if line.isspace() or length > PARAGRAPH_CHARS:
            yield "".join(waiting)
            waiting, length = [], 0
        waiting.append(line)
        length += len(line)
    yield "".join(waiting)
