"""WAV files as the child takes them."""

import struct

import pytest

from agents.audio.clip import wav_header
from agents.local.errors import ClipRefused
from agents.local.waves import samples_of

PCM = bytes(range(200))


def wav(kind: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16, size: int | None = None) -> bytes:
    width = channels * bits // 8
    told = struct.pack("<HHIIHH", kind, channels, rate, rate * width, width, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + told
    chunks += b"LIST" + struct.pack("<I", 3) + b"odd\x00"  # a chunk of odd length is padded
    chunks += b"data" + struct.pack("<I", len(PCM) if size is None else size) + PCM
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_the_samples_are_found_behind_other_chunks():
    assert bytes(samples_of(wav())) == PCM


def test_our_own_header_is_read():
    assert bytes(samples_of(wav_header(100) + PCM)) == PCM


@pytest.mark.parametrize("size", [0xFFFFFFFF, len(PCM) + 7], ids=["unknown", "cut"])
def test_a_length_beyond_the_end_is_the_end(size):
    assert bytes(samples_of(wav(size=size))) == PCM


def test_half_a_sample_is_left_out():
    assert len(samples_of(wav(size=199))) == 198


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"RIFF",
        b"garbage " * 50,
        wav(kind=3),
        wav(channels=2),
        wav(rate=44_100),
        wav(bits=8),
        wav()[:30],
        wav()[:12] + b"data" + struct.pack("<I", 4) + b"1234",
    ],
    ids=["empty", "short", "garbage", "floats", "stereo", "rate", "bits", "cut header", "no format"],
)
def test_anything_else_is_refused(file):
    with pytest.raises(ClipRefused):
        samples_of(file)
