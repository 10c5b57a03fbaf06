"""PDF: the text of its pages, within the bounds that pypdf can set."""

import io
from collections.abc import Generator, Iterator
from typing import BinaryIO

import pypdf
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from documents.errors import Unreadable
from documents.parsing.blocks import Block
from documents.parsing.limits import MIB, Limits
from documents.parsing.pages import blocks_of

# Of one stream that is unpacked: the text of a page is never so long.
STREAM_BYTES = 32 * MIB
# Of all that is done to one stream, its filters counted each.
WORK_BYTES = 4 * STREAM_BYTES

# What pypdf lets through of a file that is not as its standard says.
_ANY_OTHER = (ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError, NotImplementedError)
_BROKEN = (PyPdfError, *_ANY_OTHER)


def blocks(source: BinaryIO, suffix: str, limits: Limits) -> Generator[Block]:  # noqa: ARG001 - as every parser
    """Yield the paragraphs and headings of a PDF, page by page.

    Raises:
        Unreadable: It is damaged or hostile, needs a password, has too many pages, or has no text.

    """
    _bound(limits)
    any_text = False
    for block in blocks_of(_pages(source, limits)):
        any_text = True
        yield block
    if not any_text:
        raise Unreadable("it has no text; scanned pages need OCR first")


def _pages(source: BinaryIO, limits: Limits) -> Iterator[str]:
    reader = _reader(source)
    number = 0
    try:
        count = len(reader.pages)
        if count > limits.pages:
            raise Unreadable(f"it has more than {limits.pages} pages; split it")
        for number in range(1, count + 1):
            yield reader.pages[number - 1].extract_text()
    except LimitReachedError as cause:
        raise Unreadable(_place("it unpacks to too much", number)) from cause
    except DependencyError as cause:
        raise Unreadable("it is encrypted in a way that is not read here; save it without protection") from cause
    except _BROKEN as cause:
        raise Unreadable(_place("it is damaged", number)) from cause


def _reader(source: BinaryIO) -> pypdf.PdfReader:
    # It seeks byte by byte: much faster in memory.
    try:
        reader = pypdf.PdfReader(io.BytesIO(source.read()))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("it is protected by a password")
    except LimitReachedError as cause:
        raise Unreadable("it unpacks to too much") from cause
    except DependencyError as cause:
        raise Unreadable("it is encrypted in a way that is not read here; save it without protection") from cause
    except _BROKEN as cause:
        raise Unreadable("it is damaged") from cause
    return reader


def _place(reason: str, number: int) -> str:
    return f"{reason}, at page {number}" if number else reason


def _bound(limits: Limits) -> None:
    pypdf.overwrite_configuration(
        maximum_declared_stream_length=STREAM_BYTES,
        array_based_stream_maximum_output_length=STREAM_BYTES,
        lzw_maximum_output_length=STREAM_BYTES,
        run_length_maximum_output_length=STREAM_BYTES,
        zlib_maximum_output_length=STREAM_BYTES,
        brotli_maximum_output_length=STREAM_BYTES,
        jbig2_maximum_output_length=STREAM_BYTES,
        image_maximum_buffer_size=STREAM_BYTES,
        stream_decoding_work_maximum_length=WORK_BYTES,
        page_tree_maximum_entries=4 * limits.pages,
        jbig2dec_binary=None,  # no program is ever started
        disable_legacy_handling=True,
    )
