"""What a golden sample's answer is beside the one that is held for good: how alike, and what differs (3.2.6)."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import partial
from itertools import takewhile
from typing import Literal

from msgspec import Struct

from agents.aside import aside
from agents.prompts.diff import unified

Verdict = Literal["identical", "modified"]
MOST_WORDS = 4_000  # that are matched in order: beyond, a comparison would hold up everybody else
MOST_DIFF_CHARACTERS = 50_000

_WORD = re.compile(r"\w+|\s+|[^\w\s]")


class Comparison(Struct, frozen=True):
    """How an answer compares with what was kept.

    Attributes:
        verdict: `identical` to the character, else `modified`.
        similarity: From 0 to 1, and 1 for identical texts alone; see `similarity_of`.
        diff: Unified, from what was kept to what was answered; empty for identical texts.

    """

    verdict: Verdict
    similarity: float
    diff: str


IDENTICAL = Comparison("identical", 1.0, "")


async def compared(kept: str, answered: str) -> Comparison:
    """Compare two texts, beside the event loop unless they are the same."""
    if kept == answered:
        return IDENTICAL
    return await aside(partial(_compared, kept, answered))


def _compared(kept: str, answered: str) -> Comparison:
    return Comparison("modified", similarity_of(kept, answered), diff_of(kept, answered))


def similarity_of(one: str, other: str) -> float:
    """Return how alike two texts are: 2 * M / T, where M of all T characters are in words that match in order.

    Blanks between words and each sign are words here too. What both texts begin and end with matches, and the rest is
    matched as difflib does. Where the rest has more than 4,000 words, as many of them as both have count as matching
    wherever they stand, which is an upper bound of it. Four decimals, and below 1 for texts that differ.

    Source: Ratcliff and Metzener, Pattern Matching: The Gestalt Approach, Dr. Dobb's Journal, July 1988.

    """
    if one == other:
        return 1.0
    first, second = _WORD.findall(one), _WORD.findall(other)
    head = _common(zip(first, second, strict=False))
    tail = _common(zip(reversed(first[head:]), reversed(second[head:]), strict=False))
    same = first[:head] + first[len(first) - tail :]
    left, right = first[head : len(first) - tail], second[head : len(second) - tail]
    matching = sum(map(len, same)) + _matching(left, right)
    return min(round(2 * matching / (len(one) + len(other)), 4), 0.9999)


def _common(pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _matching(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many characters of two lists of words match."""
    if max(len(left), len(right)) <= MOST_WORDS:
        blocks = SequenceMatcher(None, left, right).get_matching_blocks()
        return sum(len(word) for block in blocks for word in left[block.a : block.a + block.size])
    return sum(len(word) * times for word, times in (Counter(left) & Counter(right)).items())


def diff_of(kept: str, answered: str) -> str:
    """Return the lines that differ, from what was kept to what was answered; where it is cut it says so."""
    text = unified(kept, answered)
    return text if len(text) <= MOST_DIFF_CHARACTERS else f"{text[:MOST_DIFF_CHARACTERS]}\n… the diff goes on"
