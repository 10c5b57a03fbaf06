"""The container of an upload, told from its bytes alone; what is not listed here is never opened."""

from typing import BinaryIO, Literal

# FFmpeg's names; each opens just one kind of container, none that refers to other files.
Demuxer = Literal["mp3", "mov", "wav", "matroska", "ogg", "flac", "mpeg"]

HEAD_BYTES = 8192
MOST_TAGS = 4

_MOV_ATOMS = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})

# An MPEG audio frame: ISO 11172-3 §2.4.2.3 and ISO 13818-3 §2.4.2.3; kbit/s of the layers I, II and III of version 1,
# then those of the layers of the lower sampling rates.
_HEADER_BYTES = 4
_KBITS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
_HIGH, _LOW, _LOWER = 3, 2, 0  # versions 1, 2 and 2.5
_LAYER_I, _LAYER_III = 3, 1
_ID3_BYTES = 10


def format_of(source: BinaryIO) -> Demuxer | None:
    """Tell which demuxer opens `source`, which is left at its beginning; None when none may."""
    source.seek(0)
    head = source.read(HEAD_BYTES)
    found = _container(head)
    if found is None:
        found = _stream(_after_tags(source, head))
    source.seek(0)
    return found


def _container(head: bytes) -> Demuxer | None:
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] in _MOV_ATOMS:
        return "mov"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"\x00\x00\x01\xba"):
        return "mpeg"
    return None


def _stream(head: bytes) -> Demuxer | None:
    """Tell what needs no container; a tag may have stood before it."""
    if head.startswith(b"fLaC"):
        return "flac"
    length = _frame_bytes(head)
    # Two bytes alone are found in anything: another frame follows, or the file ends with this one.
    following = head[length : length + _HEADER_BYTES]
    if length and (len(following) < _HEADER_BYTES or _frame_bytes(following)):
        return "mp3"
    return None


def _after_tags(source: BinaryIO, head: bytes) -> bytes:
    """Return what follows the tags that players put before the sound, one by one."""
    at = 0
    for _ in range(MOST_TAGS):
        size = _id3_size(head)
        if not size:
            break
        at += size
        source.seek(at)
        head = source.read(HEAD_BYTES)
    return head


def _id3_size(head: bytes) -> int:
    """Return how long the tag at the beginning is. Source: id3.org, ID3v2.4.0 main structure, §3.1."""
    if not head.startswith(b"ID3") or len(head) < _ID3_BYTES:
        return 0
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return size + _ID3_BYTES * (2 if head[5] & 0x10 else 1)


def _frame_bytes(head: bytes) -> int:
    """Return how long the MPEG audio frame is that begins here, 0 where none does."""
    if len(head) < _HEADER_BYTES or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - the sync word
        return 0
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    kbits, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    table = _KBITS.get((_HIGH if version == _HIGH else _LOW, layer))
    if table is None or version == 1 or not 0 < kbits <= len(table) or rate == len(_RATES):
        return 0
    bits = table[kbits - 1] * 1000
    hertz = _RATES[rate] // {_HIGH: 1, _LOW: 2, _LOWER: 4}[version]
    if layer == _LAYER_I:
        return (12 * bits // hertz + padding) * 4
    slots = 72 if layer == _LAYER_III and version != _HIGH else 144
    return slots * bits // hertz + padding
