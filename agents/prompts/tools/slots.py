"""Values taken out of texts: each is replaced where it stands alone, and what comes out is proved to restore it all."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from msgspec import Struct

from agents.messages import Message
from agents.prompts.errors import PromptError, PromptInvalid
from agents.prompts.prompt import LONGEST_TEXT, Content
from agents.prompts.template import LONGEST_FILLED, compiled
from agents.prompts.tools.variables import key, placeholders, upper_snake
from agents.prompts.tools.words import Templatized

MOST_VALUES = 50
MOST_DROPPED = 5  # before all are
SHORTEST = 2  # characters of a value that is no number
# Whatever is between double braces stays, whether a template fills it in or not.
_BRACED = re.compile(r"\{\{([^{}]*)\}\}")
_TAKEN = 1
FEWEST_LOOKS = 100
MOST_READ = 2_000_000  # characters, in looking for one value


class Pair(Struct, frozen=True):
    """A value that is to be taken out, and the name under which it is to be filled in again."""

    name: str
    value: str


def taken_out(messages: Sequence[Message], system: str | None, pairs: Iterable[Pair]) -> Templatized:
    """Take values out, longest first, wherever they stand alone and are in no placeholder.

    Of what is proposed, that is left out which is not in the texts, or without which nothing but values would be left,
    or which would not be restored.

    Raises:
        PromptInvalid: The texts are too long, or not even they themselves can be restored.

    """
    texts = [system or "", *(message.content for message in messages)]
    check_lengths(texts)
    chosen = _chosen(texts, pairs)
    dropped = 0
    while True:
        cut = [_cut(text, chosen) for text in texts]
        found = [name for text in cut for name in _BRACED.findall(text)]
        by_name = {pair.name: pair.value for pair in chosen}
        values = {name: by_name[name] for name in dict.fromkeys(found) if name in by_name}
        if (not values or _says_something(cut)) and restores(texts, cut, values):
            contents = cut[1:]
            return Templatized(
                tuple(Message(message.role, text) for message, text in zip(messages, contents, strict=True)),
                None if system is None else cut[0],
                values,
            )
        if not chosen:
            raise PromptInvalid("The prompt cannot be taken apart so that its values restore it.", param="messages")
        # The longest holds most of what is not restored, or of what is missing.
        dropped += 1
        chosen = chosen[1:] if dropped < MOST_DROPPED else []


def restores(texts: Sequence[str], cut: Sequence[str], values: dict[str, str]) -> bool:
    """Tell whether values, filled in, restore texts to the character.

    Three ways must agree: ours in a single pass, a template's, and a client's that replaces one name after another.
    """
    single = re.compile(r"\{\{(" + "|".join(map(re.escape, values)) + r")\}\}")
    filled = [single.sub(lambda found: values[found[1]], text) if values else text for text in cut]
    replaced = list(cut)
    for name, value in values.items():
        replaced = [text.replace("{{" + name + "}}", value) for text in replaced]
    return filled == replaced == list(texts) and _restores_as_template(texts, cut, values)


def _restores_as_template(texts: Sequence[str], cut: Sequence[str], values: dict[str, str]) -> bool:
    before, after = (compiled(Content(tuple(Message("user", text) for text in each))) for each in (texts, cut))
    others = dict.fromkeys(before.variables, "")
    if set(after.variables) != {*others, *values} or not others.keys().isdisjoint(values):
        return False
    try:
        return before.filled(others) == after.filled(others | values)
    except PromptError:
        return False


def _chosen(texts: Sequence[str], pairs: Iterable[Pair]) -> list[Pair]:
    """Return what may be taken out under names of its own, longest first."""
    used = {key(name) for name in placeholders(texts)}
    used |= {key(inner) for text in texts for inner in _BRACED.findall(text)}
    chosen: dict[str, Pair] = {}
    for pair in pairs:
        if len(chosen) == MOST_VALUES:
            break
        value = pair.value.strip()
        is_value = len(value) >= SHORTEST or value.isdigit()
        is_there = is_value and value not in chosen and any(value in text for text in texts)
        if is_there and value[0] not in "{}" and value[-1] not in "{}":
            name = _free(upper_snake(pair.name) or "VALUE", used)
            used.add(name)
            chosen[value] = Pair(name, value)
    return sorted(chosen.values(), key=lambda pair: -len(pair.value))


def _free(name: str, used: set[str]) -> str:
    names = (name if number == 1 else f"{name[:58]}_{number}" for number in count(1))
    return next(each for each in names if each not in used)


def _cut(text: str, pairs: Sequence[Pair]) -> str:
    """Return the text with placeholders for values."""
    taken = bytearray(len(text))
    for found in _BRACED.finditer(text):
        taken[found.start() : found.end()] = bytes([_TAKEN]) * (found.end() - found.start())
    slots: list[tuple[int, int, str]] = []
    for pair in pairs:
        for start, end in _places(pair.value, text, taken):
            slots.append((start, end, pair.name))
            taken[start:end] = bytes([_TAKEN]) * (end - start)
    pieces: list[str] = []
    done = 0
    for start, end, name in sorted(slots):
        pieces += text[done:start], "{{" + name + "}}"
        done = end
    return "".join([*pieces, text[done:]])


def _places(value: str, text: str, taken: bytearray) -> Iterator[tuple[int, int]]:
    """Yield where a value stands alone and nothing is taken yet."""
    start = 0
    # Each look reads the value: one that is long and found everywhere is not looked for everywhere.
    for _ in range(FEWEST_LOOKS + MOST_READ // len(value)):
        start = text.find(value, start)
        if start < 0:
            return
        end = start + len(value)
        blocked = taken.find(_TAKEN, start, end)
        if blocked >= 0:
            start = taken.find(0, blocked)
            if start < 0:
                return
        elif _stands_alone(text, start, end):
            yield start, end
            start = end
        else:
            start += 1


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a stretch is no part of a word or number, and touches no brace."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before in ("{", "}") or after in ("{", "}"):
        return False
    return not (_joins(before, text[start]) or _joins(text[end - 1], after))


def _joins(left: str, right: str) -> bool:
    return bool(left and right) and (left.isalnum() or left == "_") and (right.isalnum() or right == "_")


def _says_something(cut: Sequence[str]) -> bool:
    return any(character.isalpha() for text in cut for character in _BRACED.sub("", text))


def check_lengths(texts: Sequence[str]) -> None:
    """Refuse texts that no template may be.

    Raises:
        PromptInvalid: One is too long, or all together.

    """
    longest, total = max(map(len, texts), default=0), sum(map(len, texts))
    if longest > LONGEST_TEXT or total > LONGEST_FILLED:
        raise PromptInvalid(
            f"A message has {LONGEST_TEXT} characters at most, all together {LONGEST_FILLED}.", param="messages"
        )
