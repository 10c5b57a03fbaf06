"""The context window of a model: what of a prompt is given up so that it and its answer fit."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from agents.errors import PromptTooLong
from agents.messages import Message
from metering.usage import most_input
from pricing_tables.model import Model

# A window is shared: what is read may take three quarters, so that an answer is never squeezed out by passages.
ANSWER_SHARE = 4


def most_output(model: Model, most: int) -> int:
    """Return how many tokens an answer may have where the caller said nothing: `most`, or its share of the window."""
    return max(1, min(most, model.context_window // ANSWER_SHARE))


class Counter(Protocol):
    """Counts what a model reads."""

    async def count(self, model: Model, messages: Sequence[Message]) -> int:
        """Return no fewer tokens than the model will read for these messages."""
        ...


class Fit(Struct, frozen=True):
    """What a prompt keeps: how many of its passages, best first, and how many turns it loses, oldest first."""

    passages: int
    turns_lost: int


Build = Callable[[Fit], list[Message]]


class Window:
    """Fits prompts into context windows.

    Args:
        counter: Counts in the model's own tokens.
        most_output: Tokens that an answer may have where the caller said nothing (C-3).

    """

    def __init__(self, counter: Counter, most_output: int) -> None:
        self._counter = counter
        self._most_output = most_output

    def room(self, model: Model, max_tokens: int | None) -> int:
        """Return how many tokens are kept free for the answer."""
        return max_tokens or most_output(model, self._most_output)

    async def fit(self, model: Model, room: int, history: Sequence[Message], passages: int, build: Build) -> Fit:
        """Return the most that fits: turns go first, the oldest before the others; then passages, the worst first.

        Args:
            model: Whose window it is.
            room: Tokens that must stay free.
            history: The turns that may be lost, whole exchanges at a time where the roles allow it.
            passages: How many there are.
            build: Makes the messages of a fit.

        Raises:
            PromptTooLong: It does not fit with none of them.

        """
        most = model.context_window - room

        async def fits(fit: Fit) -> bool:
            messages = build(fit)
            # No text has more tokens than bytes: most prompts need no count.
            if most_input(message.content for message in messages) <= most:
                return True
            return await self._counter.count(model, messages) <= most

        for tries in _orders(history, passages):
            found = await _first(tries, fits)
            if found is not None:
                return found
        bare = build(Fit(0, len(history)))
        raise PromptTooLong(await self._counter.count(model, bare), model.context_window, room)


def _orders(history: Sequence[Message], passages: int) -> list[list[Fit]]:
    """Return rows of fits, each row from most to least, the rows in the order in which things are given up."""
    starts = [at for at in range(1, len(history)) if history[at].role == "user"]
    cuts = [*starts, len(history)] if history else []
    return [
        [Fit(passages, 0)],
        [Fit(passages, cut) for cut in cuts],
        [Fit(kept, len(history)) for kept in range(passages - 1, -1, -1)],
    ]


async def _first(tries: Sequence[Fit], fits: Callable[[Fit], Awaitable[bool]]) -> Fit | None:
    """Return the first that fits, by halving: when one fits, so do those after it."""
    low, high = 0, len(tries)
    while low < high:
        middle = (low + high) // 2
        if await fits(tries[middle]):
            high = middle
        else:
            low = middle + 1
    return tries[low] if low < len(tries) else None
