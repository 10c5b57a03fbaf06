"""A zipped document: looked at as a whole before any of it is unpacked, then unpacked part by part."""

import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO

from documents.errors import Unreadable
from documents.parsing.limits import Limits
from documents.parsing.sax import PIECE_BYTES

# XML shrinks to a twentieth; a part of some size that shrank ten times as much is made to swell.
MOST_RATIO = 200
LARGE_BYTES = 10 << 20

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1  # APPNOTE.TXT 4.4.4


@contextmanager
def opened(source: BinaryIO, limits: Limits) -> Generator[zipfile.ZipFile]:
    """Open a zip whose list of contents is within bounds.

    Raises:
        Unreadable: It is not, it is encrypted, or it is no zip.

    """
    try:
        with zipfile.ZipFile(source) as archive:
            _check(archive.infolist(), limits)
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as cause:
        raise Unreadable("it is damaged") from cause


def pieces(archive: zipfile.ZipFile, name: str) -> Generator[bytes]:
    """Yield the bytes of a part, never more than its declared size."""
    with archive.open(name) as part:
        while piece := part.read(PIECE_BYTES):
            yield piece


def _check(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(entries) > limits.entries:
        raise Unreadable(f"it holds more than {limits.entries} files")
    if sum(entry.file_size for entry in entries) > limits.unzipped_bytes or any(map(_swells, entries)):
        raise Unreadable("it unpacks to too much")
    if any(entry.compress_type not in _METHODS for entry in entries):
        raise Unreadable("it is packed in a way that Word does not use")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Unreadable("it is protected by a password")


def _swells(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size > LARGE_BYTES and entry.file_size > MOST_RATIO * max(entry.compress_size, 1)
