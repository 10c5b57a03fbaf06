"""The prompt tools without a model: built by rules, always the same for the same words (5.6)."""

import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from agents.fence import DEFUSED_TAG, TAG, UNSEEN
from agents.messages import Message
from agents.prompts.tools import slots
from agents.prompts.tools.layout import laid_out, language_for, phrases_for
from agents.prompts.tools.outline import Outline
from agents.prompts.tools.source import Source, laid_around
from agents.prompts.tools.values import likely_values
from agents.prompts.tools.variables import Variable, bracketed, bracketed_at, in_words, same, seems_long, words_of
from agents.prompts.tools.words import RULE_BASED, Made, Templatized

_ROLE = re.compile(r"(?:an?|une?)\s+[^\W\d]", re.IGNORECASE)
# What asks for a verdict, in the words of tasks.
_JUDGES = re.compile(
    r"\b(?:assess|choose|classif|compare|decide|detect|diagnos|evaluat|grade|judge|moderat|priorit|rank|rate|score"
    r"|triage|verify|choisi|class(?:er|e[rz]?\b)|compare|décide|détecte|évalue|juge|modér|attribue|note[rz]\b|tri(?:er|e[rz]?\b)"
    r"|vérifie)",
    re.IGNORECASE,
)


class Fixed(Struct, frozen=True):
    """What a prompt by rules says, in one language."""

    role: str
    task: str
    steps: tuple[str, ...]
    rules: tuple[str, ...]
    request: Variable


_FIXED = {
    "en": Fixed(
        role="You are {0}.",
        task="You are an expert who carries out this task with care: {0}",
        steps=(
            "Read all that is given, and note what the task asks for.",
            "Carry out the task on it, point by point.",
            "Compare the result with the task, and mend what is missing or wrong.",
        ),
        rules=(
            "Rely on what is given; add no fact that is not in it.",
            "If something is missing or unclear, say what, and go on with the rest.",
            "Be clear and brief.",
        ),
        request=Variable("REQUEST", "the request", long=True),
    ),
    "fr": Fixed(
        role="Vous êtes {0}.",
        task="Vous êtes un expert qui accomplit cette tâche avec soin : {0}",
        steps=(
            "Lisez tout ce qui est donné et relevez ce que la tâche demande.",
            "Accomplissez la tâche, point par point.",
            "Comparez le résultat à la tâche et corrigez ce qui manque ou ce qui est faux.",
        ),
        rules=(
            "Appuyez-vous sur ce qui est donné ; n'ajoutez aucun fait qui n'y figure pas.",
            "S'il manque quelque chose ou si un point est obscur, dites lequel et traitez le reste.",
            "Soyez clair et bref.",
        ),
        request=Variable("DEMANDE", "la demande", long=True),
    ),
}


def built(task: str) -> Made:
    """Return a prompt for a task: role, what is filled in, steps, rules, output tag."""
    fixed = _FIXED[language_for(task)]
    names = list(bracketed(task))
    names += [name for name in in_words(task) if not any(same(name, other) for other in names)]
    variables = tuple(Variable(name, words_of(name), seems_long(name)) for name in names) or (fixed.request,)
    text = _said(task).strip().rstrip(".")
    opening = fixed.role if _ROLE.match(text) else fixed.task
    outline = Outline(
        opening=opening.format(text),
        variables=variables,
        steps=fixed.steps,
        rules=fixed.rules,
        judges=asks_for_verdict(task),
        answer="",
    )
    return replace(laid_out(outline, phrases_for(task)), warnings=(RULE_BASED,))


def rebuilt(messages: Sequence[Message], system: str | None, feedback: str | None) -> Made:
    """Return a prompt in better order: all it says, its placeholders between tags, then rules, with the feedback."""
    source = Source.of(messages, system)
    fixed = _FIXED[language_for(source.text)]
    outline = Outline(
        opening="",
        variables=(),
        steps=fixed.steps,
        rules=(*((without_placeholders(feedback),) if feedback and feedback.strip() else ()), *fixed.rules),
        judges=asks_for_verdict(source.text),
        answer="",
    )
    return replace(laid_around(source, outline, phrases_for(source.text)), warnings=(RULE_BASED,))


def taken_out(messages: Sequence[Message], system: str | None) -> Templatized:
    """Return a prompt without what looks like a value: quoted text, addresses, dates, numbers, languages.

    Raises:
        PromptInvalid: It is too long, or cannot be restored.

    """
    texts = [system or "", *(message.content for message in messages)]
    pairs = [pair for text in texts for pair in likely_values(text)]
    return replace(slots.taken_out(messages, system, pairs), warnings=(RULE_BASED,))


def asks_for_verdict(task: str) -> bool:
    """Whether a task asks for a verdict, a class, a score or a choice, by its words."""
    return _JUDGES.search(task) is not None


def without_placeholders(text: str) -> str:
    """Return a text as one line in which nothing is a tag or filled in."""
    return " ".join(TAG.sub(DEFUSED_TAG, UNSEEN.sub("", text)).replace("{{", "{").split())


def _said(task: str) -> str:
    """Return a task with no tag, and with its names in braces or in words."""
    pieces: list[str] = []
    end = 0
    for found, name in bracketed_at(task):
        # What may be long stands in the prompt once, between its tags.
        pieces += _plain(task[end : found.start()]), words_of(name) if seems_long(name) else "{{" + name + "}}"
        end = found.end()
    return "".join([*pieces, _plain(task[end:])])


def _plain(text: str) -> str:
    return TAG.sub(DEFUSED_TAG, UNSEEN.sub("", text))
