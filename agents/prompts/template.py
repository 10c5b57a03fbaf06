"""Templates: messages with `{{name}}`, taken apart once and filled in a single pass that executes nothing."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from agents.messages import Message, Role
from agents.prompts.errors import PromptInvalid, VariablesMissing
from agents.prompts.prompt import LONGEST_TEXT, Content

LONGEST_VARIABLE = 64  # characters in NFC
LONGEST_WRITTEN = 4 * LONGEST_VARIABLE  # before it
LONGEST_FILLED = 10 * LONGEST_TEXT  # characters of all messages together
PLACE_BYTES = 200  # of a pattern, or of one variable in it, with the text before it
Value = str | int | float | bool

# Nothing is tried twice: a run of blanks or of other characters holds no brace, so that one opening alone reads it. A
# name takes at most four times its length before NFC.
_BRACED = re.compile(r"\{\{[ \t]*+([^ \t{}]{1,256}+)[ \t]*+\}\}")


class Pattern(Struct, frozen=True):
    """A message taken apart.

    Attributes:
        pieces: What is joined: text that stays, and nothing yet where a variable goes.
        slots: Where the variables go: index of the piece, index of the variable.
        uses: How often each variable is used: index of the variable, times.
        length: Characters of the text that stays.
        whole: The message where it has no variable.

    """

    role: Role
    pieces: tuple[str, ...]
    slots: tuple[tuple[int, int], ...]
    uses: tuple[tuple[int, int], ...]
    length: int
    whole: Message | None


class Template(Struct, frozen=True):
    """What a version says, ready to be filled in any number of times.

    Attributes:
        variables: Their names in NFC, in order of first use; each must be given.

    """

    variables: tuple[str, ...]
    patterns: tuple[Pattern, ...]

    @property
    def weight(self) -> int:
        """About how many bytes the patterns take, for characters of one byte each."""
        return sum(pattern.length + PLACE_BYTES * (1 + len(pattern.slots)) for pattern in self.patterns)

    def filled(self, values: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the messages with every variable in its place; what is given beyond them is left aside.

        Values are put in as they are: braces in them are text. Numbers, true and false are spelled as in JSON.

        Args:
            values: By name; str, int, float or bool.

        Raises:
            VariablesMissing: Some are not given; all of them are named.
            PromptInvalid: A value is of another type or no number, or the messages become too long.

        """
        texts = [_text(name, value) for name, value in zip(self.variables, self._given(values), strict=True)]
        lengths = [len(text) for text in texts]
        total = 0
        # Measured before it is joined: a short template may use a long value often.
        for pattern in self.patterns:
            length = pattern.length
            for variable, times in pattern.uses:
                length += lengths[variable] * times
            total += length
            if length > LONGEST_TEXT and pattern.uses:
                raise PromptInvalid(
                    f"With these variables a message has {length} characters; {LONGEST_TEXT} is the most.",
                    param="variables",
                )
        if total > LONGEST_FILLED:
            raise PromptInvalid(
                f"With these variables the messages have {total} characters; {LONGEST_FILLED} is the most.",
                param="variables",
            )
        return tuple([pattern.whole or _joined(pattern, texts) for pattern in self.patterns])

    def _given(self, values: Mapping[str, Any]) -> list[Any]:
        try:
            return [values[name] for name in self.variables]
        except KeyError:
            # What is too long is no variable: the time it takes to put its marks in order grows with their square.
            short = {name: value for name, value in values.items() if len(name) <= LONGEST_WRITTEN}
            given = {**{unicodedata.normalize("NFC", name): value for name, value in short.items()}, **values}
        missing = [name for name in self.variables if name not in given]
        if missing:
            raise VariablesMissing(f"Missing variables: {', '.join(missing)}", param="variables")
        return [given[name] for name in self.variables]


def compiled(content: Content) -> Template:
    """Take a version's messages apart.

    A variable is `{{name}}`, maybe with spaces and tabs within the braces. Its name is a letter of any script or an
    underscore, then letters, their marks, digits and underscores, 64 at most. Any other braces are text.
    """
    indices: dict[str, int] = {}
    patterns = tuple([_pattern(message, indices) for message in content.messages])
    return Template(tuple(indices), patterns)


def _pattern(message: Message, indices: dict[str, int]) -> Pattern:
    text = message.content
    pieces: list[str] = []
    slots: list[tuple[int, int]] = []
    end = 0
    for found in _BRACED.finditer(text):
        name = _name(found[1])
        if name is None:
            continue
        pieces += text[end : found.start()], ""
        slots.append((len(pieces) - 1, indices.setdefault(name, len(indices))))
        end = found.end()
    pieces.append(text[end:])
    uses = tuple(Counter(variable for _, variable in slots).items())
    length = sum(map(len, pieces))
    return Pattern(message.role, tuple(pieces), tuple(slots), uses, length, None if slots else message)


def _name(written: str) -> str | None:
    """Return a variable's name in NFC; None where this cannot be one."""
    name = unicodedata.normalize("NFC", written)
    if len(name) > LONGEST_VARIABLE:
        return None
    kinds = ["L" if character == "_" else unicodedata.category(character) for character in name]
    if kinds[0][0] != "L" or any(kind[0] not in "LM" and kind != "Nd" for kind in kinds):
        return None
    return name


def _text(name: str, value: object) -> str:
    """Return a value as it stands in a message."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        try:
            return str(value)
        except ValueError as cause:
            raise PromptInvalid(f"The variable '{name}' has too many digits.", param="variables") from cause
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise PromptInvalid(f"The variable '{name}' must be a string, a number, true or false.", param="variables")


def _joined(pattern: Pattern, texts: list[str]) -> Message:
    pieces = list(pattern.pieces)
    for piece, variable in pattern.slots:
        pieces[piece] = texts[variable]
    return Message(pattern.role, "".join(pieces))
