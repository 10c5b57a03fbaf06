"""What the parts of a passage mean, beside the passage as a whole: a sentence that answers is not lost in the others.

An encoder of sentences, as the embedded one is, makes the mean of a long text: one sentence of five that answers a
question hardly turns it. So a passage is found by its whole, and what is found is ordered by its best sentence and by
its best two in a row as well. For the same reason the vector of two is near the mean of theirs: it is not asked for.
"""

from collections.abc import Iterable, Sequence
from struct import Struct as Layout

from msgspec import Struct

from documents.sentences import sentences
from documents.vectors import WIDTH, numbers_of, numpy, unit

PART = 25
"""From so many characters on a part is long enough; shorter sentences and lines are joined with the next."""
MOST_PARTS = 32
"""The rest of a passage that has more, such as a long list, counts in the whole alone."""
_MOST = 127  # of a signed byte


class Meaning(Struct, frozen=True):
    """The vectors of one passage, of length one.

    Attributes:
        whole: Of the passage with its place in the document: float32, little endian.
        parts: Of its parts, one after the other, a signed byte a number, of any length; read for the few that are
            found only.

    """

    whole: bytes
    parts: bytes = b""


def parts_of(text: str) -> list[str]:
    """Return the parts of a passage: sentences and lines, short ones together."""
    parts: list[str] = []
    waiting = ""
    for line in text.splitlines():
        for sentence in sentences(line):
            waiting = f"{waiting} {sentence.strip()}".strip()
            if len(waiting) >= PART:
                parts.append(waiting)
                waiting = ""
    if waiting:
        parts.append(waiting)
    return parts[:MOST_PARTS]


def meaning(whole: bytes, parts: Iterable[bytes]) -> Meaning:
    """Return the vectors of a passage as they are kept.

    Args:
        whole: float32, little endian, of any length but zero.
        parts: Of the same kind.

    Raises:
        EmbeddingRefused: One of them is no vector.

    """
    return Meaning(unit(whole), b"".join(_bytes(unit(part)) for part in parts))


def sharpened(cosines: dict[int, float], parts: Sequence[tuple[int, bytes]], question: bytes) -> dict[int, float]:
    """Return likenesses: the mean of what the whole, its best part and its best two in a row have with the question.

    Args:
        cosines: Of the wholes, by passage.
        parts: Of some of these passages; of the others the whole counts alone.
        question: A vector of length one.

    """
    np = numpy()
    size = len(question) // WIDTH
    known = [(passage_id, vectors) for passage_id, vectors in parts if vectors and not len(vectors) % size]
    if not known:
        return cosines
    rows = np.frombuffer(b"".join(vectors for _, vectors in known), dtype=np.int8).reshape(-1, size).astype(np.float32)
    begins = np.cumsum([0, *(len(vectors) // size for _, vectors in known)])[:-1]
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    ones = rows @ np.frombuffer(question, dtype="<f4") / lengths
    pairs = ones.copy()
    # The cosine of the sum of two vectors of length one; opposite ones add up to nothing.
    between = np.einsum("ij,ij->i", rows[:-1], rows[1:]) / (lengths[:-1] * lengths[1:])
    pairs[:-1] = (ones[:-1] + ones[1:]) / np.sqrt(np.maximum(2 + 2 * between, 1e-6))
    # The last of a passage has no next one, and stands for a pair only where it is the only one.
    last = np.append(begins[1:], len(rows)) - 1
    pairs[last] = np.where(last == begins, ones[last], -1)
    best = [np.maximum.reduceat(likeness, begins).tolist() for likeness in (ones, pairs)]
    found = zip((passage_id for passage_id, _ in known), *best, strict=True)
    return cosines | {
        passage_id: (cosines[passage_id] + part + pair) / 3 for passage_id, part, pair in found if passage_id in cosines
    }


def _bytes(vector: bytes) -> bytes:
    numbers = numbers_of(vector)
    scale = _MOST / max(map(abs, numbers))
    return Layout(f"<{len(numbers)}b").pack(*(round(number * scale) for number in numbers))
