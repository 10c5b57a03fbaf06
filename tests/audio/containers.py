"""Containers that are seldom met, and some written byte by byte, as no encoder would write them."""

import io
import struct
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.speech import RATE


def wav(data: bytes, kind: int = 1, channels: int = 1, rate: int = RATE, bits: int = 16, **lies: int) -> bytes:
    """Write a WAV; `align` and `size` replace the block align and the data size that would be true."""
    align = lies.get("align", channels * bits // 8)
    head = struct.pack("<HHIIHH", kind, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    return wav_of(head, data, lies.get("size", len(data)))


def wav_of(head: bytes, data: bytes, size: int) -> bytes:
    whole = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(whole) & 0xFFFFFFFF) + whole


def id3(body: bytes, size: int | None = None) -> bytes:
    """Write an ID3 tag; `size` is what it says of its length."""
    size = len(body) if size is None else size
    return b"ID3\x04\x00\x00" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def id3_frame(body: bytes) -> bytes:
    return b"TXXX" + bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0)) + b"\x00\x00" + body


def atom(kind: bytes, body: bytes = b"", size: int | None = None) -> bytes:
    """Write an atom of an MP4; `size` is what it says of its length."""
    return struct.pack(">I", 8 + len(body) if size is None else size) + kind + body


def nested_atoms(kind: bytes, depth: int) -> bytes:
    return b"".join(atom(kind, size=8 * (depth - level)) for level in range(depth))


FTYP = atom(b"ftyp", b"isom\x00\x00\x02\x00isom")


def ebml(kind: str, body: bytes, size: int | None = None) -> bytes:
    """Write an element of a WebM; `size` is what it says of its length."""
    return bytes.fromhex(kind) + struct.pack(">Q", (len(body) if size is None else size) | 1 << 56) + body


def webm(track: bytes, blocks: list[bytes]) -> bytes:
    cluster = ebml("1F43B675", ebml("E7", b"\x00") + b"".join(ebml("A3", b"\x81\x00\x00\x80" + one) for one in blocks))
    return ebml("1A45DFA3", ebml("4282", b"webm")) + ebml("18538067", ebml("1654AE6B", track) + cluster)


def webm_bomb(blocks: int, block_bytes: int) -> bytes:
    """Write a WebM of PCM whose blocks are zeros, deflated: a thousandth of what they unpack to."""
    deflated = ebml("6D80", ebml("6240", ebml("5034", ebml("4254", b"\x00"))))
    audio = ebml("E1", ebml("B5", struct.pack(">f", RATE)) + ebml("9F", b"\x01") + ebml("6264", b"\x10"))
    track = ebml("AE", ebml("D7", b"\x01") + ebml("83", b"\x02") + ebml("86", b"A_PCM/INT/LIT") + audio + deflated)
    return webm(track, [zlib.compress(bytes(block_bytes), 9)] * blocks)


def sound(pcm: bytes, container: str, codec: str) -> bytes:
    """Encode sound alone, at a rate that any codec takes."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000, layout="stereo")
        _record(out, stream, pcm)
    return file.getvalue()


def _record(out: av.container.OutputContainer, stream: av.AudioStream, pcm: bytes) -> None:
    frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[np.newaxis, :], format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
    out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def film(pcm: bytes, container: str = "mp4", **options: str) -> bytes:
    """Encode half a second of pictures, with sound beside them if there is any."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        _shoot(path, pcm, container, options)
        return path.read_bytes()


def _shoot(path: Path, pcm: bytes, container: str, options: dict[str, str]) -> None:
    with av.open(str(path), "w", format=container, options=options) as out:
        pictures = out.add_stream("mpeg4" if container == "mp4" else "libvpx-vp9", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        heard = (
            out.add_stream("aac" if container == "mp4" else "libopus", rate=48_000, layout="stereo") if pcm else None
        )
        for _ in range(5):
            out.mux(pictures.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(pictures.encode(None))
        if heard:
            _record(out, heard, pcm)
