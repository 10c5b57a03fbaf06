"""How many tokens a prompt has: by its model's own tokenizer, never fewer than the model will read."""

from collections.abc import Sequence
from typing import Protocol

from agents.messages import Message
from metering.tokens import Tokens
from metering.usage import most_input
from pricing_tables.model import Model

# A vocabulary that an operator's row names, or leaves at its default, may be only near the model's own: a tenth more.
NEAR = (11, 10)


class Own(Protocol):
    """Counts for the embedded chat model, which has its own template and vocabulary."""

    async def count(self, messages: Sequence[Message]) -> int | None:
        """Return the tokens of a prompt, exactly; None when nobody can tell now."""
        ...


class Counter:
    """Counts prompts.

    Args:
        tokens: Has the vendors' vocabularies.
        own: Counts for the embedded model; None where none runs.

    """

    def __init__(self, tokens: Tokens, own: Own | None = None) -> None:
        self._tokens = tokens
        self._own = own

    async def count(self, model: Model, messages: Sequence[Message]) -> int:
        """Return no fewer tokens than `model` will read for this prompt.

        Exact for the embedded model; by their published vocabularies for the vendors' models; a tenth more for models
        of router.toml; a bound by bytes where none of these can be had.
        """
        if model.embedded:
            counted = None if self._own is None else await self._own.count(messages)
            return _most(messages) if counted is None else counted
        counted = await self._tokens.count_prompt(model.tokenizer, [(each.role, each.content) for each in messages])
        if counted.source == "bytes":
            return _most(messages)
        times, over = NEAR if model.stated else (1, 1)
        return -(-counted.tokens * times // over)


def _most(messages: Sequence[Message]) -> int:
    return most_input(message.content for message in messages)
