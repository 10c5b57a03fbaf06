"""Outlines: what a model says of a prompt, read and cleaned, so that nothing of it but words reaches the prompt."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from agents.fence import DEFUSED_TAG, TAG, UNSEEN
from agents.prompts.tools.asking import Unusable
from agents.prompts.tools.examples import echoes
from agents.prompts.tools.variables import (
    MOST_VARIABLES,
    Variable,
    is_long,
    key,
    same,
    seems_long,
    upper_snake,
    words_of,
)

MOST_STEPS = 7
MOST_RULES = 5
FEWEST_STEPS = 2
SHORTEST = 8  # characters of a step that says something
LONGEST = 600  # characters of one step or rule; ours ask for far less
LONGEST_ABOUT = 120
MOST_SAID = 100  # of anything in one answer; what is more than we use is left aside

_TEXTS = b'{"type":"array","minItems":%d,"maxItems":%d,"items":{"type":"string","maxLength":300}}'
_SCHEMA = (
    b'{"type":"object","additionalProperties":false,"required":'
    b'["opening","variables","steps","rules","judges","answer"],"properties":{'
    b'"opening":{"type":"string","maxLength":240},'
    b'"variables":{"type":"array","maxItems":%d,"items":{"type":"object","additionalProperties":false,'
    b'"required":["name","about","long"],"properties":{"name":{"type":"string","maxLength":40},'
    b'"about":{"type":"string","maxLength":80},"long":{"type":"boolean"}}}},'
    b'"steps":' + _TEXTS % (2, 5) + b',"rules":' + _TEXTS % (1, 4) + b',"judges":{"type":"boolean"},'
    b'"answer":{"type":"string","maxLength":200}}}'
)
_MARK = re.compile(r"^(?:[-*•]|\(?\d{1,2}[.):])\s+")
# What may stand for a variable in a model's words: {{NAME}}, {NAME}, <name>, [NAME], NAME. Braces of JSON do not.
_NAMED = re.compile(
    r"\{\{[ \t]*\$?(?P<double>[^{}]{0,200}?)[ \t]*\}\}"
    r"|\{[ \t]*\$?(?P<single>[^\W\d]\w{0,63})[ \t]*\}"
    r"|<(?P<closing>/?)[ \t]*(?P<angle>[^\W\d][\w.:-]{0,60})(?:\s[^<>]{0,200})?/?>"
    r"|\[(?P<square>[A-Z][A-Z0-9_]{1,40})\](?!\()"
    r"|(?P<bare>\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*\b)"
)
_NAME = re.compile(r"\w+")
_IDENTIFIER = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_FILLED = re.compile(r"\{\{(\w+)\}\}")
_OPENED = re.compile(r"\{\{+")
_EMPHASIS = re.compile(r"\*\*|__|`")
_EMPTY = re.compile(r"[\s.…?_-]*")
_CONTRACTIONS = ((" de ", "le ", " du "), (" de ", "les ", " des "), (" à ", "le ", " au "), (" à ", "les ", " aux "))
_DETERMINER = re.compile(
    r"(?:^|[\s('\u2019])(?:s|the|an?|this|that|these|each|every|your|their"
    r"|le|la|les|l['\u2019]|une?|des|du|ce|cet|cette|ces|votre)\s*$",
    re.IGNORECASE,
)


class Outline(Struct, frozen=True):
    """What a prompt has to say.

    Attributes:
        opening: Who the model is to be and what it does.
        variables: What is filled in; those that may be long come first.
        steps: What is to be done, in order.
        rules: Within which limits.
        judges: Whether the answer is a verdict, to be reasoned before it is given.
        answer: What the answer looks like; may be empty.

    """

    opening: str
    variables: tuple[Variable, ...]
    steps: tuple[str, ...]
    rules: tuple[str, ...]
    judges: bool
    answer: str

    @property
    def text(self) -> str:
        """All its words, to tell their language by."""
        return " ".join((self.opening, *self.steps, *self.rules, self.answer))


class _Said(Struct, frozen=True):
    opening: str
    steps: Annotated[tuple[str, ...], Meta(max_length=MOST_SAID)]
    variables: Annotated[tuple[Variable, ...], Meta(max_length=MOST_SAID)] = ()
    rules: Annotated[tuple[str, ...], Meta(max_length=MOST_SAID)] = ()
    judges: bool = False
    answer: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.opening, *self.steps, *self.rules, self.answer)


_DECODER = msgspec.json.Decoder(_Said)


def schema(variables: int) -> Raw:
    """Return the JSON schema of an outline that has so many variables at most."""
    return Raw(_SCHEMA % variables)


def outline_of(text: str, needed: Sequence[str]) -> Outline:
    """Read a model's outline of a prompt whose variables the model chooses.

    Args:
        text: JSON.
        needed: Variables that it must have, by these names or others that mean the same; put in where it has none.

    Raises:
        Unusable: It is no outline, or says too little.

    """
    said = _read(text)
    found: dict[str, Variable] = {}
    for each in said.variables:
        _put(found, Variable(upper_snake(each.name), each.about, each.long))
    for text_ in said.texts:
        for match in _NAMED.finditer(text_):
            name = (match["double"] or match["single"] or "").strip()
            if _IDENTIFIER.fullmatch(name):
                _put(found, Variable(name, words_of(name), seems_long(name)))
    for name in needed:
        if not any(same(name, other) for other in found):
            _put(found, Variable(name, words_of(name), seems_long(name)))
    return _cleaned(said, found.values())


def outline_within(text: str, names: Sequence[str]) -> Outline:
    """Read a model's outline of a prompt whose variables are these and no others.

    Raises:
        Unusable: It is no outline, or says too little.

    """
    said = _read(text)
    known = {name: Variable(name, words_of(name), seems_long(name)) for name in names}
    for each in said.variables:
        name = next((name for name in names if key(name) == key(each.name)), None)
        if name is not None:
            known[name] = Variable(name, each.about, is_long(name, told=each.long))
    return _cleaned(said, known.values())


def _read(text: str) -> _Said:
    try:
        said = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise Unusable(f"it was not the JSON object that was asked for, or was cut: {str(fault)[:120]}") from fault
    if len(_plain(said.opening)) < SHORTEST:
        raise Unusable('"opening" must be a sentence')
    return said


def _put(found: dict[str, Variable], variable: Variable) -> None:
    """Add a variable; of one that is there already, add what is told of it."""
    twin = next((name for name in found if key(name) == key(variable.name)), None)
    if twin is not None:
        about = variable.about if found[twin].about == words_of(twin) else found[twin].about
        found[twin] = Variable(twin, about, is_long(twin, told=found[twin].long or variable.long))
    elif variable.name and len(found) < MOST_VARIABLES:
        found[variable.name] = Variable(variable.name, variable.about, is_long(variable.name, told=variable.long))


def _cleaned(said: _Said, variables: Iterable[Variable]) -> Outline:
    known = [Variable(each.name, _about(each), each.long) for each in variables]
    steps = _lines(said.steps, known)[:MOST_STEPS]
    if len(steps) < FEWEST_STEPS:
        raise Unusable('"steps" must have two sentences or more, all different, none from the examples')
    rules = tuple(rule for rule in _lines(said.rules, known) if rule not in steps)[:MOST_RULES]
    return Outline(
        opening=_line(said.opening, known),
        variables=tuple(sorted(known, key=lambda each: not each.long)),
        steps=steps,
        rules=rules,
        judges=said.judges,
        answer=_line(said.answer, known),
    )


def _about(variable: Variable) -> str:
    words = _plain(_defused(_NAMED.sub(lambda found: found["bare"] or " ", variable.about))).rstrip(" :.")[
        :LONGEST_ABOUT
    ]
    return words if any(map(str.isalpha, words)) else words_of(variable.name)


def _lines(texts: Iterable[str], known: Sequence[Variable]) -> tuple[str, ...]:
    lines = (_line(text, known) for text in texts)
    return tuple(dict.fromkeys(line for line in lines if len(line) >= SHORTEST and not echoes(line)))


def _line(text: str, known: Sequence[Variable]) -> str:
    """Return a text as one line of words, in which nothing but a variable of ours stands in double braces."""
    by_name = {key(each.name): each for each in known} | {each.name: each for each in known}
    plain = _MARK.sub("", _plain(text))[:LONGEST]
    pieces: list[str] = []
    end = 0
    for match in _NAMED.finditer(plain):
        pieces += _contracted(plain[end : match.start()], _named(match, plain[: match.start()], by_name))
        end = match.end()
    line = " ".join("".join([*pieces, plain[end:]]).split()).replace(" .", ".").replace(" ,", ",")
    return "" if _EMPTY.fullmatch(line) else _settled(line, by_name)


def _settled(line: str, by_name: Mapping[str, Variable]) -> str:
    """Return a line in which what is left of tags and braces, once those that were seen are gone, is text."""
    pieces: list[str] = []
    end = 0
    for match in _FILLED.finditer(line):
        if match[1] in by_name and not by_name[match[1]].long:
            pieces += _defused(line[end : match.start()]), match[0]
            end = match.end()
    return "".join([*pieces, _defused(line[end:])])


def _defused(text: str) -> str:
    return TAG.sub(DEFUSED_TAG, _OPENED.sub("{", text))


def _named(match: re.Match[str], before: str, by_name: Mapping[str, Variable]) -> str:
    """Return what stands in a line for what may be a variable."""
    said = (match["double"] or match["single"] or match["angle"] or match["square"] or match["bare"] or "").strip()
    variable = by_name.get(said) or by_name.get(key(said))
    if match["closing"]:
        return ""
    # A word in capitals may be no more than that: "CV".
    if match["bare"] and "_" not in said:
        return said
    if variable is None:
        return match["bare"] or (f"{{{said}}}" if '"' in said else words_of(said) if _NAME.fullmatch(said) else said)
    if not variable.long:
        return "{{" + variable.name + "}}"
    if before.lower().endswith((f" {words_of(variable.name)} ", f"'{words_of(variable.name)} ")):
        return ""
    # What may be long stands in the prompt once, between its tags; elsewhere it is spoken of.
    return words_of(variable.name) if _DETERMINER.search(before) else _lowered(variable.about)


def _contracted(before: str, mention: str) -> tuple[str, str]:
    """Return what stands before a mention, and it, as French joins them: "de" and "le texte" are "du texte"."""
    for preposition, article, joined in _CONTRACTIONS:
        if before.endswith(preposition) and mention.startswith(article):
            return before.removesuffix(preposition) + joined, mention.removeprefix(article)
    return before, mention


def _lowered(about: str) -> str:
    first, _, rest = about.partition(" ")
    return about if first[1:].lower() != first[1:] else f"{first.lower()} {rest}".strip()


def _plain(text: str) -> str:
    return " ".join(_EMPHASIS.sub("", UNSEEN.sub("", text.replace("\r", " "))).split())
