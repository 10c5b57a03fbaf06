"""A prompt that is to be better, as it was given: what it says, what it fills in, how its answer begins."""

import re
from collections.abc import Sequence
from typing import Self

from msgspec import Struct

from agents.messages import Message
from agents.prompts.tools.layout import Phrases, ended, said_in_order
from agents.prompts.tools.outline import Outline
from agents.prompts.tools.values import likely_values
from agents.prompts.tools.variables import key, placeholders
from agents.prompts.tools.words import Made

# What is longer loses more by being said in other words than it gains.
MOST_REWRITTEN = 1_500
_BRACED = re.compile(r"\{\{[ \t]*+([^ \t{}]{1,192}+)[ \t]*+\}\}")
_CLOSED = re.compile(r"\s*+</")


class Source(Struct, frozen=True):
    """A prompt that is to be better.

    Attributes:
        text: The system's words and the user's.
        names: What it fills in.
        prefill: How its answer begins; None where that is left open.

    """

    text: str
    names: tuple[str, ...]
    prefill: str | None

    @classmethod
    def of(cls, messages: Sequence[Message], system: str | None) -> Self:
        """Return the prompt of these messages; the system's stand before the user's."""
        spoken = [message for message in messages if message.role == "user"]
        directions = [*([system] if system else []), *(each.content for each in messages if each.role == "system")]
        text = "\n\n".join(part.strip() for part in [*directions, *(each.content for each in spoken)] if part.strip())
        prefill = messages[-1].content if messages and messages[-1].role == "assistant" else None
        return cls(text, placeholders([text]), prefill or None)

    def survives_in(self, made: str, feedback: str) -> bool:
        """Whether other words keep what must not get lost: placeholders, quotations, numbers, addresses.

        What the feedback speaks of may change.
        """
        if len(self.text) > MOST_REWRITTEN or set(placeholders([made])) != set(self.names):
            return False
        details = {pair.value for pair in likely_values(self.text)}
        return all(detail in made or detail in feedback for detail in details)


def laid_around(source: Source, outline: Outline, phrases: Phrases) -> Made:
    """Return a prompt with all that it said word for word, each placeholder between tags, in the order of an outline.

    The outline's own variables are left aside.
    """
    text = f"{phrases.kept}\n{in_tags(source.text)}" if outline.opening else in_tags(source.text)
    parts = [*([outline.opening] if outline.opening else []), text, *([phrases.data] if source.names else [])]
    return ended([*parts, *said_in_order(outline, phrases)], outline, phrases, source.prefill)


def in_tags(text: str) -> str:
    """Return a text with tags around each placeholder that has none."""

    def tagged(found: re.Match[str]) -> str:
        name = found[1]
        if _CLOSED.match(text, found.end()) or not placeholders([found[0]]):
            return found[0]
        tag = key(name).lower()
        return f"<{tag}>{found[0]}</{tag}>"

    return _BRACED.sub(tagged, text)
