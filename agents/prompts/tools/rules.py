"""The prompt tools without a model: built by rules, always the same for the same words (5.6)."""

from collections.abc import Sequence

from agents.messages import Message
from agents.prompts.tools.words import RULE_BASED, Made, Templatized


def built(task: str) -> Made:
    """Return a prompt for a task: role, what is filled in, task, rules, output tag."""
    return Made((Message("user", task),), (RULE_BASED,))


def rebuilt(messages: Sequence[Message], system: str | None, feedback: str | None) -> Made:
    """Return a prompt in better order, with the feedback as a rule."""
    text = "\n\n".join([*([system] if system else []), *(each.content for each in messages if each.role == "user")])
    return Made((Message("user", text + (f"\n\n{feedback}" if feedback else "")),), (RULE_BASED,))


def taken_out(messages: Sequence[Message], system: str | None) -> Templatized:
    """Return a prompt without what looks like a value: quoted text, addresses, dates, numbers, languages."""
    return Templatized(tuple(messages), system, {}, (RULE_BASED,))
