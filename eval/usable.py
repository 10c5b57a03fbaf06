"""Whether what the prompt tools answer is of use: judged from outside, by nothing of what made it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from agents.messages import Message
from agents.prompts.tools.words import RULE_BASED, Made, Templatized

SHORTEST = 200  # characters of a prompt that says what to do
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_TAG = re.compile(r"<(/?)([^\W\d][\w-]*)[^<>]*>")
_EMPTY_TAG = re.compile(r"<([\w-]+)>\s*</\1>")
# Of what we tell models: names of our fields, tags around data, words of examples.
_OURS = re.compile(
    r"</?(?:request|prompt|feedback|inputs|instructions)\b|-[0-9a-f]{8}\b"
    r"|\"(?:opening|variables|steps|rules|judges)\"|HOTEL_RULES|GUEST_MAIL|REGLEMENT_HOTEL|COURRIER_RECU"
    r"|\{\{(?:SHEET|FICHE)\}\}|booking agent|museum guide|chargé des réservations|médiateur de musée",
    re.IGNORECASE,
)
_LEFT = re.compile(r"\{\$|(?<!\{)\{\w+\}(?!\})|\{\{(?!\w+\}\})|\[[A-Z_]{2,}\]|…\s*$", re.MULTILINE)


class ToolTask(Struct, frozen=True, forbid_unknown_fields=True):
    """What a prompt is asked for, and what it must fill in: names, and inputs by any of their words."""

    task: str
    language: str
    variables: tuple[str, ...] = ()
    inputs: tuple[tuple[str, ...], ...] = ()


class ToolPrompt(Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt whose values are to be taken out; every second message is the assistant's."""

    messages: tuple[str, ...]
    system: str | None = None

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages."""
        return tuple(Message("assistant" if index % 2 else "user", text) for index, text in enumerate(self.messages))


class Cases(Struct, frozen=True, forbid_unknown_fields=True):
    """All that the prompt tools are tried on."""

    task: tuple[ToolTask, ...]
    prompt: tuple[ToolPrompt, ...]


def faults_of(task: ToolTask, made: Made) -> list[str]:
    """Return why a prompt is not usable; nothing where it is."""
    text = made.messages[0].content
    filled = set(_PLACEHOLDER.findall(text))
    faults = [f"by the rules: {warning}" for warning in made.warnings if warning == RULE_BASED]
    faults += [f"{name} is missing" for name in task.variables if name not in filled]
    said = _bare(" ".join([*filled, *re.findall(r"^(.*)\n<", text, re.MULTILINE)]))
    faults += [f"no input for {words[0]}" for words in task.inputs if not any(_bare(word) in said for word in words)]
    if len(text.strip()) < SHORTEST:
        faults.append("it says next to nothing")
    opened = Counter(name for closing, name in _TAG.findall(text) if not closing)
    if opened != Counter(name for closing, name in _TAG.findall(text) if closing) or _EMPTY_TAG.search(text):
        faults.append("a tag is left over")
    faults += [f"{found[0]!r} is left over" for look in (_OURS, _LEFT) if (found := look.search(text))]
    return faults


def is_restored(prompt: ToolPrompt, answered: Templatized) -> bool:
    """Whether filling the values in again, in one pass, gives the prompt to the character."""

    def filled(text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: answered.values.get(found[1], found[0]), text)

    texts: Sequence[str] = [filled(message.content) for message in answered.messages]
    system = None if answered.system is None else filled(answered.system)
    return tuple(texts) == prompt.messages and system == prompt.system


def _bare(text: str) -> str:
    spelled = unicodedata.normalize("NFKD", text.lower().replace("-", ""))
    return "".join(character for character in spelled if not unicodedata.combining(character))
