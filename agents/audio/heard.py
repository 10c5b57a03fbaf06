"""What the gateway asks of the decoding process, and what stands behind the samples that it writes."""

import struct
from typing import BinaryIO

import msgspec
from msgspec import Struct

from agents.audio.recording import Pause

# A pause takes some twenty bytes; four hours of nothing but pauses and clicks have fewer than a hundred thousand.
MOST_TOLD_BYTES = 4 << 20

_LENGTH = struct.Struct(">I")


class Request(Struct, frozen=True):
    """How much to decode; `most_frames` samples are still in order."""

    most_frames: int


class Heard(Struct, frozen=True, tag="heard"):
    """All was decoded, to so many samples."""

    frames: int
    pauses: tuple[Pause, ...]


class TooLong(Struct, frozen=True, tag="long"):
    """There is more than was asked for; what it says of its own length, in seconds, need not be true."""

    declared_s: float | None


class Refused(Struct, frozen=True, tag="refused"):
    """Why nothing was decoded."""

    reason: str


Told = Heard | TooLong | Refused

_told: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)


def write(told: Told, result: BinaryIO) -> None:
    """Append how it went."""
    data = msgspec.msgpack.encode(told)
    result.write(data + _LENGTH.pack(len(data)))


def read(result: BinaryIO) -> tuple[Told, int]:
    """Return how it went, and how many bytes stand before that.

    Raises:
        msgspec.DecodeError: It was not told.

    """
    size = result.seek(0, 2)
    if size < _LENGTH.size:
        raise msgspec.DecodeError("nothing was told")
    result.seek(size - _LENGTH.size)
    (length,) = _LENGTH.unpack(result.read(_LENGTH.size))
    start = size - _LENGTH.size - length
    if start < 0 or length > MOST_TOLD_BYTES:
        raise msgspec.DecodeError("no length")
    result.seek(start)
    return _told.decode(result.read(length)), start
