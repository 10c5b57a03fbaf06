"""The words of the prompt tools: what was made, and what was taken out."""

from msgspec import Struct

from agents.messages import Message

# The warning of an answer that the rules gave, for no model gave a usable one (5.6).
RULE_BASED = "rule_based"


class Made(Struct, frozen=True):
    """A prompt that was written or improved.

    Attributes:
        messages: One of the user, with `{{NAME}}` for what is filled in; maybe one of the assistant behind it, with
            which the answer is to begin (a prefill). A model that takes no prefill is asked with the first alone.
        warnings: `rule_based` where no model wrote it.

    """

    messages: tuple[Message, ...]
    warnings: tuple[str, ...] = ()


class Templatized(Struct, frozen=True):
    """A prompt whose values were taken out: filled in again, in a single pass, they restore it to the character.

    Attributes:
        messages: Those that were given, with `{{NAME}}` in place of values.
        system: Likewise; None where none was given.
        values: By name. A placeholder that was there before has none.
        warnings: `rule_based` where no model chose the values.

    """

    messages: tuple[Message, ...]
    system: str | None
    values: dict[str, str]
    warnings: tuple[str, ...] = ()
