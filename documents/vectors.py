"""Vectors of length one, as they are kept and compared: float32, little endian."""

import math
import os
from struct import Struct as Layout
from types import ModuleType

from documents.errors import EmbeddingRefused

WIDTH = 4  # bytes a number


def unit(vector: bytes) -> bytes:
    """Return a vector at length one, so that the product of two is their cosine.

    Args:
        vector: float32, little endian.

    Raises:
        EmbeddingRefused: It is no such vector, or points nowhere: it is empty, all zeros, or holds what is no number.

    """
    count, rest = divmod(len(vector), WIDTH)
    if rest:
        raise EmbeddingRefused("a vector is not made of float32")
    layout = Layout(f"<{count}f")
    numbers = layout.unpack(vector)
    length = math.sqrt(math.fsum(number * number for number in numbers))
    # Whatever is not a number makes the length no number either.
    if not 0.0 < length < math.inf:
        raise EmbeddingRefused("a vector has no direction")
    return layout.pack(*(number / length for number in numbers))


def numbers_of(vector: bytes) -> tuple[float, ...]:
    """Return the numbers of a vector."""
    return Layout(f"<{len(vector) // WIDTH}f").unpack(vector)


def numpy() -> ModuleType:
    """Return numpy, which is imported by whoever first compares vectors: it takes memory and time to start."""
    # A product of 20,000 vectors takes a millisecond: threads of its own would only take cores from the gateway.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np  # noqa: PLC0415 - see above

    return np
