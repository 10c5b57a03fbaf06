"""A prompt becomes a better one: every placeholder is kept, feedback is followed."""

from collections.abc import Sequence

from agents.messages import Message
from agents.prompts.tools.words import RULE_BASED, Made
from agents.providers.provider import Provider
from pricing_tables.model import Model


async def improve(  # noqa: RUF029 - being built
    messages: Sequence[Message],
    system: str | None,
    feedback: str | None,
    model: Model,  # noqa: ARG001
    models: Provider,  # noqa: ARG001
) -> Made:
    """Improve a prompt.

    A model that cannot be reached, or twice gives nothing usable, leaves it to the rules, with a warning.

    Args:
        messages: Of the user, one at least; maybe one of the assistant behind them, which is kept.
        system: Folded into the message of the user.
        feedback: What is to be better.
        model: Asked once, twice where its first answer is unusable; each time is a call on the meter of `models`.
        models: Of the request.

    Raises:
        AccountError: A budget cannot cover the call.
        StorageError: The books cannot say so.

    """
    text = "\n\n".join([*([system] if system else []), *(each.content for each in messages if each.role == "user")])
    return Made((Message("user", text + (f"\n\n{feedback}" if feedback else "")),), (RULE_BASED,))
