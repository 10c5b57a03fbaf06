"""The encoding of a text, told from its bytes: UTF-8, UTF-16 that says so, else Windows-1252 if it is likely."""

import codecs
import re
from typing import BinaryIO

from documents.errors import Unreadable

UTF_16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SLICE = 1 << 20

# What a text of western Europe may have of a foreign byte, and what of those must be its letters and its punctuation.
MOST_HIGH, LEAST_LETTERS = 0.35, 0.7
_HIGH = re.compile(rb"[\x80-\xff]")
# Letters with accents, ligatures, quotation marks, dashes, ellipsis, euro, degree, superscripts, the hard blank.
_EXPECTED = re.compile(rb"[\xc0-\xd6\xd8-\xf6\xf8-\xff\x80\x85\x8c\x9c\x91-\x97\xa0\xa7\xab\xbb\xb0\xb2\xb3\xa9\xae]")
# 0x81 and four others mean nothing in Windows-1252; text has none of these control characters.
_IMPOSSIBLE = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f\x81\x8d\x8f\x90\x9d]")


def encoding_of(stream: BinaryIO) -> str:
    """Return Python's name of the encoding of `stream`, reading it in slices and leaving it at its beginning.

    Raises:
        Unreadable: It is in none of those that are known.

    """
    stream.seek(0)
    if stream.read(2) in UTF_16_BOMS:
        known = _decodes(stream, "utf-16")
        name = "utf-16"
    else:
        known = _decodes(stream, "utf-8")
        name = "utf-8-sig"
        if not known and _is_windows_1252(stream):
            known, name = True, "cp1252"
    stream.seek(0)
    if not known:
        raise Unreadable("it is not text in UTF-8, UTF-16 or Windows-1252")
    return name


def is_windows_1252(data: bytes) -> bool:
    """Tell whether bytes that are not UTF-8 look like a text of western Europe in Windows-1252."""
    high = len(_HIGH.findall(data))
    if _IMPOSSIBLE.search(data) or high > MOST_HIGH * len(data):
        return False
    return len(_EXPECTED.findall(data)) >= LEAST_LETTERS * high


def _is_windows_1252(stream: BinaryIO) -> bool:
    stream.seek(0)
    return all(is_windows_1252(piece) for piece in iter(lambda: stream.read(SLICE), b""))


def _decodes(stream: BinaryIO, encoding: str) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for piece in iter(lambda: stream.read(SLICE), b""):
            if "\0" in decoder.decode(piece):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
