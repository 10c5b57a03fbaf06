"""A task becomes a prompt: a model says what it takes, we lay it out."""

from agents.messages import Message
from agents.prompts.tools.words import RULE_BASED, Made
from agents.providers.provider import Provider
from pricing_tables.model import Model


async def generate(task: str, model: Model, models: Provider) -> Made:  # noqa: ARG001, RUF029 - being built
    """Write a prompt for a task.

    A model that cannot be reached, or twice gives nothing usable, leaves it to the rules, with a warning.

    Args:
        task: What the prompt is for; data, whatever it says. Not blank.
        model: Asked once, twice where its first answer is unusable; each time is a call on the meter of `models`.
        models: Of the request.

    Raises:
        AccountError: A budget cannot cover the call.
        StorageError: The books cannot say so.

    """
    return Made((Message("user", f"{task}\n"),), (RULE_BASED,))
