"""A prompt with its values becomes one with placeholders: a model proposes values, we take them out and prove it."""

from collections.abc import Sequence

from agents.messages import Message
from agents.prompts.tools.words import RULE_BASED, Templatized
from agents.providers.provider import Provider
from pricing_tables.model import Model


async def templatize(  # noqa: RUF029 - being built
    messages: Sequence[Message],
    system: str | None,
    model: Model,  # noqa: ARG001
    models: Provider,  # noqa: ARG001
) -> Templatized:
    """Take the values out of a prompt.

    A model that cannot be reached, or twice gives nothing usable, leaves it to the rules, with a warning.

    Args:
        messages: In any order, of any role.
        system: Its values are taken out as well.
        model: Asked once, twice where its first answer is unusable; each time is a call on the meter of `models`.
        models: Of the request.

    Raises:
        PromptInvalid: What would be answered does not restore what was given; nothing is answered unproven.
        AccountError: A budget cannot cover the call.
        StorageError: The books cannot say so.

    """
    return Templatized(tuple(messages), system, {}, (RULE_BASED,))
