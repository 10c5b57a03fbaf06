"""Vectors of length one, and what is no vector."""

import math
from struct import pack, unpack

import pytest

from documents.errors import EmbeddingRefused
from documents.vectors import unit


def test_vector_keeps_its_direction_at_length_one():
    assert unpack("<2f", unit(pack("<2f", 3, 4))) == pytest.approx((0.6, 0.8))


@pytest.mark.parametrize("numbers", [(), (0, 0), (math.nan, 1), (math.inf, 1)])
def test_what_has_no_direction_is_refused(numbers):
    with pytest.raises(EmbeddingRefused):
        unit(pack(f"<{len(numbers)}f", *numbers))


def test_what_is_not_made_of_float32_is_refused():
    with pytest.raises(EmbeddingRefused):
        unit(b"\x00" * 7)
