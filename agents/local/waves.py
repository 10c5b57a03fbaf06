"""WAV as this process reads and writes it: PCM of 16 bit, mono, 16 kHz, and nothing else."""

import struct

from agents.audio.clip import BITS, CHANNELS, PCM_FORMAT, RATE, SAMPLE_BYTES
from agents.local.errors import ClipRefused

_RIFF = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")


def samples_of(wav: bytes) -> memoryview:
    """Return the samples as they lie in the file: a view of its bytes, not a copy.

    A length that the header states beyond the end of the file is that of a stream that was cut, or never known.

    Raises:
        ClipRefused: It is no WAV, or one of another rate, width or number of channels.

    Source: Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991, "WAVE".
    """
    if len(wav) < _RIFF.size or (wav[:4], wav[8:12]) != (b"RIFF", b"WAVE"):
        raise ClipRefused("the file is not WAV")
    at, formatted = _RIFF.size, False
    while at + _CHUNK.size <= len(wav):
        name, size = _CHUNK.unpack_from(wav, at)
        at += _CHUNK.size
        if name == b"fmt ":
            _check_format(wav[at : at + size])
            formatted = True
        elif name == b"data" and formatted:
            stop = min(at + size, len(wav))
            return memoryview(wav)[at : stop - (stop - at) % SAMPLE_BYTES]
        at += size + size % 2
    raise ClipRefused("the WAV file has no samples")


def _check_format(told: bytes) -> None:
    if len(told) < _FORMAT.size:
        raise ClipRefused("the header of the WAV file is broken")
    kind, channels, rate, _, _, bits = _FORMAT.unpack_from(told)
    if (kind, channels, rate, bits) != (PCM_FORMAT, CHANNELS, RATE, BITS):
        raise ClipRefused(f"the WAV file must be PCM of {BITS} bit, mono, {RATE} Hz")
