"""Markdown: turned into HTML, raw HTML and all, and read as that; in pieces, so that length takes no memory."""

import io
import re
from collections.abc import Generator
from typing import BinaryIO, TextIO

from markdown_it import MarkdownIt

from documents.parsing import web
from documents.parsing.blocks import Block
from documents.parsing.encodings import encoding_of
from documents.parsing.limits import Limits

# A piece ends before a heading, else at an empty line, else wherever it is.
AT_HEADING_CHARS, AT_EMPTY_CHARS, MOST_CHARS = 32_000, 64_000, 256_000
LINE_CHARS = 16_000

_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def blocks(source: BinaryIO, suffix: str, limits: Limits) -> Generator[Block]:  # noqa: ARG001 - as every parser
    """Yield the blocks of a text in Markdown."""
    text = io.TextIOWrapper(source, encoding_of(source))
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    for piece in _pieces(text):
        yield from web.blocks_of([markdown.render(piece)])


def _pieces(text: TextIO) -> Generator[str]:
    """Cut a text where a piece can stand alone, never inside a fence unless that has no end."""
    waiting: list[str] = []
    length, fence = 0, ""
    for line in _lines(text):
        at_heading = line.startswith("#") and length > AT_HEADING_CHARS
        at_empty = line.isspace() and length > AT_EMPTY_CHARS
        if (not fence and (at_heading or at_empty)) or length > MOST_CHARS:
            yield "".join(waiting)
            waiting, length, fence = [], 0, ""
        fence = _fence_after(line, fence)
        waiting.append(line)
        length += len(line)
    yield "".join(waiting)


def _lines(text: TextIO) -> Generator[str]:
    """Yield the lines; the data that some tools write between `---` before the text would read as a heading."""
    first = text.readline(LINE_CHARS)
    if first.rstrip() == "---":
        for line in iter(lambda: text.readline(LINE_CHARS), ""):
            yield "\n" if line.rstrip() == "---" else f"    {line}"
            if line.rstrip() == "---":
                break
    else:
        yield first
    yield from iter(lambda: text.readline(LINE_CHARS), "")


def _fence_after(line: str, fence: str) -> str:
    """Tell which fence is open after a line, if one was before it."""
    mark = _FENCE.match(line)
    if not mark:
        return fence
    if not fence:
        return mark[1]
    return "" if mark[1].startswith(fence) else fence
