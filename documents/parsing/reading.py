"""Reads one document to its end: the parser of its format, the cutting, and what can go wrong."""

import importlib
from collections.abc import Callable, Generator
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from documents.cut import Count, passages
from documents.document import Format, Passage
from documents.errors import Unreadable
from documents.parsing.blocks import Block
from documents.parsing.wire import Refusal, Request, write, write_all
from documents.words import words_of

# Each module has `blocks(source, suffix, limits)`.
_PARSERS: dict[Format, str] = {"txt": "plain", "md": "markdown", "html": "web", "pdf": "pdf", "docx": "word"}

Blocks = Callable[..., Generator[Block]]

_requests = msgspec.msgpack.Decoder(Request)


def preload() -> None:
    """Import the parsers and what they import at their first use."""
    for format_ in _PARSERS:
        _parser(format_)


def read(count: Count, job: bytes, source: BinaryIO, result: BinaryIO) -> None:
    """Write the passages of `source`, or why there are none, to `result`; `job` is a Request."""
    request = _requests.decode(job)
    try:
        found = _parser(request.format)(source, request.suffix, request.limits)
        write_all(map(_with_words, passages(found, count, request.most_passages)), result)
    except Unreadable as refused:
        write(Refusal(refused.detail), result)
    except RecursionError:
        write(Refusal("it is nested too deeply"), result)


def _with_words(passage: Passage) -> Passage:
    """Find the stems here: in the gateway they would take a millisecond a passage from its requests."""
    return replace(passage, words=words_of(f"{passage.heading}\n{passage.text}"))


def _parser(format_: Format) -> Blocks:
    blocks: Blocks = importlib.import_module(f"documents.parsing.{_PARSERS[format_]}").blocks
    return blocks
