"""What the parsing process is asked, and the frames that passages come in."""

import struct
from collections.abc import Generator, Iterable
from typing import BinaryIO

import msgspec
from msgspec import Struct

from documents.document import Format, Passage
from documents.parsing.limits import Limits

# How many passages are encoded or decoded in one go: under 2 MB of the longest, a millisecond or two.
ROWS_A_FRAME = 200

_LENGTH = struct.Struct(">I")


class Request(Struct, frozen=True):
    """How to read one document."""

    format: Format
    suffix: str
    most_passages: int
    limits: Limits


class Rows(Struct, frozen=True, tag="rows"):
    """The next passages."""

    passages: tuple[Passage, ...]


class Refusal(Struct, frozen=True, tag="refusal"):
    """Why there are no passages, or no more: the document cannot be read."""

    reason: str


_frames = msgspec.msgpack.Decoder(Rows | Refusal)


def write(frame: Rows | Refusal, result: BinaryIO) -> None:
    """Append a frame."""
    data = msgspec.msgpack.encode(frame)
    result.write(_LENGTH.pack(len(data)) + data)


def write_all(passages: Iterable[Passage], result: BinaryIO) -> None:
    """Append passages as they come, some in a frame."""
    waiting: list[Passage] = []
    for passage in passages:
        waiting.append(passage)
        if len(waiting) == ROWS_A_FRAME:
            write(Rows(tuple(waiting)), result)
            waiting.clear()
    write(Rows(tuple(waiting)), result)


def frames(result: BinaryIO) -> Generator[Rows | Refusal]:
    """Read the frames from the beginning, one at a time.

    Raises:
        msgspec.DecodeError: What was written are no frames.

    """
    result.seek(0)
    while head := result.read(_LENGTH.size):
        if len(head) < _LENGTH.size:
            raise msgspec.DecodeError("cut short")
        yield _frames.decode(result.read(*_LENGTH.unpack(head)))
