"""The ways an answer can be wrong: upstream spoils on purpose, and the checks must see each of them."""

from collections.abc import Callable
from dataclasses import replace

from payload import VARIANTS, Answer, answer


def _letter(given: Answer) -> Answer:
    """One character differs, the length does not."""
    pieces = list(given.pieces)
    pieces[50] = pieces[50][:-1] + "#"
    return replace(given, pieces=tuple(pieces))


def _lost(given: Answer) -> Answer:
    """A piece is missing."""
    return replace(given, pieces=given.pieces[:60] + given.pieces[61:])


def _swapped(given: Answer) -> Answer:
    """Two neighbours changed places."""
    first, second, third, *rest = given.pieces
    return replace(given, pieces=(first, third, second, *rest))


def _other(given: Answer) -> Answer:
    """Somebody else's answer, complete and well formed."""
    return answer((given.prompt_tokens - 239) % VARIANTS)


def _tokens(given: Answer) -> Answer:
    """One token too many."""
    return replace(given, completion_tokens=given.completion_tokens + 1)


def _free(given: Answer) -> Answer:
    """Nothing was charged."""
    return replace(given, cost_eur=0.0)


SPOILS: dict[str, Callable[[Answer], Answer]] = {
    "letter": _letter,
    "lost": _lost,
    "swapped": _swapped,
    "other": _other,
    "tokens": _tokens,
    "free": _free,
}
# Wrong on the wire: an error status, JSON without its end, a stream without its figures, a hang-up.
WIRE_SPOILS = ("status", "torn", "unfinished", "cut")
