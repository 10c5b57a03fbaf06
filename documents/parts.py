"""What the parts of a passage mean, beside the passage as a whole: a sentence that answers is not lost in the others.

An encoder of sentences, as the embedded one is, makes the mean of a long text: one sentence of five that answers a
question hardly turns it. So a passage is found by its whole, and what is found is ordered by its best part as well.
"""

from collections.abc import Iterable, Sequence
from struct import Struct as Layout

from msgspec import Struct

from documents.sentences import sentences
from documents.vectors import WIDTH, numbers_of, numpy, unit

PART = 150
"""From so many characters on a part is long enough; shorter sentences and lines are joined with the next."""
MOST_PARTS = 16
"""The rest of a passage that has more, such as a long list, counts in the whole alone."""
OF_PARTS = 0.5
"""How much the best part counts beside the whole; both were chosen by `make eval`."""


class Meaning(Struct, frozen=True):
    """The vectors of one passage, of length one.

    Attributes:
        whole: Of the passage with its place in the document: float32, little endian.
        parts: Of its parts, one after the other: float16, little endian; read for the few that are found only.

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
    return Meaning(unit(whole), b"".join(_halves(unit(part)) for part in parts))


def sharpened(cosines: dict[int, float], parts: Sequence[tuple[int, bytes]], question: bytes) -> dict[int, float]:
    """Return cosines in which the best part of each passage counts as well.

    Args:
        cosines: Of the wholes, by passage.
        parts: Of some of these passages; of the others the whole counts alone.
        question: A vector of length one.

    """
    np = numpy()
    size = len(question) // WIDTH * (WIDTH // 2)
    known = [(passage_id, vectors) for passage_id, vectors in parts if vectors and not len(vectors) % size]
    if not known:
        return cosines
    joined = np.frombuffer(b"".join(vectors for _, vectors in known), dtype="<f2").astype(np.float32)
    likeness = joined.reshape(-1, size // (WIDTH // 2)) @ np.frombuffer(question, dtype="<f4")
    begins = np.cumsum([0, *(len(vectors) // size for _, vectors in known)])[:-1]
    best = np.maximum.reduceat(likeness, begins).tolist()
    found = zip((passage_id for passage_id, _ in known), best, strict=True)
    return cosines | {
        passage_id: (1 - OF_PARTS) * cosines[passage_id] + OF_PARTS * part
        for passage_id, part in found
        if passage_id in cosines
    }


def _halves(vector: bytes) -> bytes:
    numbers = numbers_of(vector)
    return Layout(f"<{len(numbers)}e").pack(*numbers)
