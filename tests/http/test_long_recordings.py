"""Recordings of hours: too long is said so, an hour of silence costs nothing, and memory stays flat."""

import struct
import sys

import pytest

from tests.gateway import Gateway, exact, refused
from tests.http.accounts import Caller
from tests.http.papers import resident_mb
from tests.http.sent import send
from tests.upstream import Upstream

pytestmark = pytest.mark.prove  # the samples of four hours are half a gigabyte


def quiet(seconds: int, rate: int = 1_000) -> bytes:
    """Return a WAV of 8 bits in which nothing is to be heard."""
    size = rate * seconds
    sizes = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + sizes
        + b"data"
        + struct.pack("<I", size)
        + b"\x80" * size
    )


def test_more_than_four_hours_is_too_long(house: Gateway) -> None:
    caller = Caller(house, house.token())

    error = refused(send(caller, quiet(14_402)), 400, "audio_too_long")

    assert error["param"] == "file"
    assert "14400" in error["message"]


def test_hour_of_silence_says_nothing_and_costs_nothing(house: Gateway, upstream: Upstream) -> None:
    caller = Caller(house, house.token())
    before, asked = resident_mb(house), len(upstream.audio.heard)

    response = send(caller, quiet(3_600))

    assert response.status_code == 200, response.text
    answer = exact(response.text)
    assert (answer["text"], answer["language"], answer["duration"]) == ("", None, 3600)
    assert answer["metadata"]["pricing"]["total_cost"] == 0
    assert len(upstream.audio.heard) == asked
    sys.stdout.write(f"\nan hour of silence: {resident_mb(house) - before:.1f} MB more at the most\n")
    assert resident_mb(house) - before < 16
