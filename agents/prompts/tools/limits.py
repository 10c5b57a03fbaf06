"""Lengths and formats that a task states, so that none gets lost where a small model forgets it."""

import re

from msgspec.structs import replace

from agents.prompts.tools.outline import Outline

MOST_READ = 20_000  # characters of a task
MOST_LIMITS = 4
_FIRST = (
    r"in|under|within|at most|no more than|less than|fewer than|up to|as|with|without"
    r"|en|au plus|au maximum|sous|dans|avec"
)
_LAST = (
    r"words?|sentences?|lines?|paragraphs?|bullet points?|bullets|pages?|characters?|json|xml|yaml|csv|markdown|tables?"
    r"|mots?|phrases?|lignes?|paragraphes?|puces?|caractères?|tableaux?"
)
_LIMIT = re.compile(
    rf"\b(?:{_FIRST})(?: (?:{_FIRST})\b)?(?: (?!(?:{_FIRST})\b)[\w'\u2019-]{{1,20}}){{0,4}}? (?:{_LAST})\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w{3,}")
_FILLERS = "most more than less fewer within under with without moins plus dans avec sous maximum"
_FILLING = frozenset(_FILLERS.split())


def limits_of(task: str) -> tuple[str, ...]:
    """Return the lengths and formats that a task states: "in at most five bullet points", "en moins de cent mots"."""
    return tuple(dict.fromkeys(found[0] for found in _LIMIT.finditer(task[:MOST_READ])))[:MOST_LIMITS]


def with_limits(outline: Outline, task: str) -> Outline:
    """Return an outline with a rule for each length and format of the task that it does not speak of."""
    said = set(_WORD.findall(outline.text.lower()))
    missing = [limit for limit in limits_of(task) if not set(_WORD.findall(limit.lower())) - _FILLING <= said]
    return replace(outline, rules=(*(f"{limit[0].upper()}{limit[1:]}." for limit in missing), *outline.rules))
