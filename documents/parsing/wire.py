"""What the gateway and its parsing process say to each other, and the frames that passages come in."""

import struct
from collections.abc import Generator, Iterable
from typing import BinaryIO, Literal

import msgspec
from msgspec import Struct

from documents.document import Format, Passage
from documents.parsing.limits import Limits

# How many passages are encoded or decoded in one go: under 2 MB of the longest, a millisecond or two.
ROWS_A_FRAME = 200
REQUEST_BYTES = 4096

_LENGTH = struct.Struct(">I")


class Request(Struct, frozen=True):
    """One document to read; its file, the file for the passages and the channel to answer on come beside it."""

    format: Format
    suffix: str
    most_passages: int
    limits: Limits


End = Literal["done", "time", "memory", "size", "broken", "disk"]


class Outcome(Struct, frozen=True):
    """How the reading ended; "done" means that the passages, or the reason for none, are in the file."""

    end: End


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
