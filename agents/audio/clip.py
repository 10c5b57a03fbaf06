"""Pieces of speech as models are given them: PCM of one rate, read from a file or from memory."""

import struct
from decimal import Decimal
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from msgspec import Struct

RATE = 16_000  # samples a second; mono, 16 bit, little endian: what every speech model is trained on
SAMPLE_BYTES = 2
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
PCM_FORMAT, CHANNELS, BITS = 1, 1, 16


class Clip(Struct, frozen=True):
    """A run of samples: `frames` of them, from the `first` on.

    `source` is raw PCM, a file of it or the bytes themselves.
    """

    source: Path | bytes
    first: int
    frames: int

    @property
    def seconds(self) -> Decimal:
        """How long it lasts, exact: a sixteen-thousandth of a second is a finite decimal."""
        return Decimal(self.frames) / RATE

    @property
    def size(self) -> int:
        """How many bytes its WAV has."""
        return HEADER.size + self.frames * SAMPLE_BYTES

    def wav(self) -> BinaryIO:
        """Open it as a WAV file that is read piece by piece, never held whole; whoever opens it closes it."""
        source = BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")
        return cast("BinaryIO", BufferedReader(_Wav(wav_header(self.frames), source, self.first * SAMPLE_BYTES)))


def wav_header(frames: int, rate: int = RATE) -> bytes:
    """Return the head of a WAV file of so many mono 16-bit samples.

    Source: Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991, "WAVE".
    """
    size = frames * SAMPLE_BYTES
    sizes = (16, PCM_FORMAT, CHANNELS, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, BITS)
    return HEADER.pack(b"RIFF", HEADER.size - 8 + size, b"WAVE", b"fmt ", *sizes, b"data", size)


class _Wav(RawIOBase):
    """A WAV made of its header and a stretch of a file."""

    def __init__(self, header: bytes, source: BinaryIO, start: int) -> None:
        super().__init__()
        self._header = header
        self._source = source
        self._start = start
        self._size = int.from_bytes(header[-4:], "little") + len(header)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's buffer type is wider
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        if self._at < len(self._header):
            piece = self._header[self._at : self._at + wanted]
        else:
            self._source.seek(self._start + self._at - len(self._header))
            piece = self._source.read(wanted)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        self._source.close()
        super().close()
