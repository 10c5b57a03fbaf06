"""Reads one document to its end: the parser of its format, the cutting, and what can go wrong."""

import errno
import importlib
from collections.abc import Callable, Generator
from typing import BinaryIO

from msgspec.structs import replace

from documents.cut import Count, passages
from documents.document import Format, Passage
from documents.errors import Unreadable
from documents.parsing.blocks import Block
from documents.parsing.wire import Refusal, Request, write, write_all
from documents.words import words_of

DONE, BROKEN, MEMORY, SIZE, DISK = 0, 1, 3, 4, 5

_ERRORS = {errno.EFBIG: SIZE, errno.ENOSPC: DISK, errno.EDQUOT: DISK, errno.ENOMEM: MEMORY}
# Each module has `blocks(source, suffix, limits)`.
_PARSERS: dict[Format, str] = {"txt": "plain", "md": "markdown", "html": "web", "pdf": "pdf", "docx": "word"}

Blocks = Callable[..., Generator[Block]]


def preload() -> None:
    """Import the parsers and what they import at their first use."""
    for format_ in _PARSERS:
        _parser(format_)


def read(request: Request, source: BinaryIO, result: BinaryIO, count: Count) -> int:
    """Write the passages of `source`, or why there are none, to `result`; return the code to exit with."""
    try:
        try:
            found = _parser(request.format)(source, request.suffix, request.limits)
            write_all(map(_with_words, passages(found, count, request.most_passages)), result)
        except Unreadable as refused:
            write(Refusal(refused.detail), result)
        except RecursionError:
            write(Refusal("it is nested too deeply"), result)
        result.flush()
    except MemoryError:
        return MEMORY
    except OSError as cause:
        return _ERRORS.get(cause.errno or 0, BROKEN)
    except Exception:  # noqa: BLE001 - the last boundary: a parser that was misled may raise anything
        return BROKEN
    return DONE


def _with_words(passage: Passage) -> Passage:
    """Find the stems here: in the gateway they would take a millisecond a passage from its requests."""
    return replace(passage, words=words_of(f"{passage.heading}\n{passage.text}"))


def _parser(format_: Format) -> Blocks:
    blocks: Blocks = importlib.import_module(f"documents.parsing.{_PARSERS[format_]}").blocks
    return blocks
