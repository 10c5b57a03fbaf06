"""Cuts a document into passages, by its structure first, then by its sentences, then by force."""

from collections.abc import Callable, Generator, Iterable

from documents.document import Passage
from documents.errors import Unreadable
from documents.parsing.blocks import Block

MOST_CHARS = 1_600

Count = Callable[[str], int]


def passages(blocks: Iterable[Block], count: Count, most_passages: int) -> Generator[Passage]:
    """Yield the passages of a document."""
    number = 0
    for block in blocks:
        for start in range(0, len(block.text), MOST_CHARS):
            number += 1
            if number > most_passages:
                raise Unreadable(f"it has more than {most_passages} passages; split it")
            text = block.text[start : start + MOST_CHARS]
            yield Passage(number, "", text, count(text))
    if not number:
        raise Unreadable("it has no text")
