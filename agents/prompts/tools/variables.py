"""Variables of prompts: their names, and those that a task or a prompt states."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from msgspec import Struct

from agents.messages import Message
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import LONGEST_TEXT, Content
from agents.prompts.template import LONGEST_VARIABLE, compiled

MOST_VARIABLES = 50  # that a prompt is given; a task that names more has a list
LONGEST_SAID = LONGEST_TEXT - 50_000  # characters of a task or a prompt: what is made of it has room for our words
MOST_READ = 20_000  # characters of a task in which variables are looked for
# Characters of what is made a name: marks are put in order in a time that grows with the square of their number, while
# everybody waits.
LONGEST_READ = 4 * LONGEST_VARIABLE
MOST_WORDS = 4  # of what a task names in words: what has more is a clause

# Names of HTML (Living Standard, section 4) that tasks speak of, and that stand for nothing to be filled in.
_HTML_NAMES = (
    "a b br code div em h1 h2 h3 head html body i img input li link meta ol p pre s script section span strong style "
    "sub sup system table tbody td th thead title tr u ul user assistant"
)
_HTML = frozenset(_HTML_NAMES.split())
# One name in the brackets that people write: {{x}}, {x}, {$x}, <x>, [x].
_BRACKETED = re.compile(
    r"\{\{[ \t]*\$?(?P<double>[^\W\d]\w{0,63})[ \t]*\}\}"
    r"|\{[ \t]*\$?(?P<single>[^\W\d]\w{0,63})[ \t]*\}"
    r"|<(?P<angle>[^\W\d][\w' -]{0,40})>"
    r"|\[(?P<square>[^\W\d][\w' -]{1,40})\](?!\()"
)
_CLOSING = re.compile(r"</([^<>]{1,42})>")
_CUE = re.compile(
    r"\b(?:given|based on|à partir|étant donnée?s?|en fonction|compte tenu)"
    r"[ :]+(?P<said>[^.;:!?\n()<>{}\[\]]{3,160})",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*(?:,|\band\b|\bplus\b|\bet\b|\bainsi que\b)\s*", re.IGNORECASE)
# What opens a name but is no part of it, and without which a stretch of words names nothing.
_ARTICLE = re.compile(
    r"(?:(?:an?|the|some|their|our|his|her|its|my|your"
    r"|de la|de l['\u2019]|d['\u2019]une?|des|de|du|une?|le|la|les|l['\u2019]|son|sa|ses|leurs?|vos|votre|mon|ma|mes"
    r"|au|aux|à)"
    r"(?:\s+|(?<=['\u2019]))|d['\u2019])+",
    re.IGNORECASE,
)
_INNER = re.compile(r"(?:['\u2019]s\b)|\b(?:of|the|an?|de|des|du|la|le|les|une?)\b|\b[dl]['\u2019]", re.IGNORECASE)
_WORD = re.compile(r"[A-Z0-9]+")
# Of a few words, or of several sentences, as a rule.
_SHORT_NAMES = (
    "AGE AMOUNT AUDIENCE BUDGET CITY CODE_POSTAL COMPANY COULEUR COUNT COUNTRY DATE DUREE DURATION ENTREPRISE FORMAT "
    "ID KEYWORD LANGUAGE LANGUE LENGTH LEVEL LIEU LONGUEUR METIER MONTANT NAME NIVEAU NOM NOMBRE NUMBER NUMERO PAYS "
    "PLACE PRICE PRIX PUBLIC ROLE STYLE SUBJECT SUJET THEME TITLE TITRE TON TONE TOPIC URL VILLE"
)
_SHORT = frozenset(_SHORT_NAMES.split())
_LONG_NAMES = (
    "ARTICLE ARTICLES BODY CODE COMMENT COMMENTS CONTENT CONTENU CONTRACT CONTRAT CONVERSATION CV DATA DESCRIPTION "
    "DIFF DOCUMENT DOCUMENTS DONNEES EMAIL EMAILS ESSAY EXTRAIT FAQ HISTORIQUE HISTORY LETTER LETTRE LOG LOGS MAIL "
    "MESSAGE MESSAGES NOTES PAGE PARAGRAPH PASSAGE POLICY RAPPORT REPORT RESUME REVIEW REVIEWS SNIPPET STORY TEXT "
    "TEXTE THREAD TICKET TRANSCRIPT TRANSCRIPTION"
)
_LONG = frozenset(_LONG_NAMES.split())


def check_said(text: str, param: str) -> None:
    """Refuse a task or a prompt that is none, or is longer than one may be.

    Raises:
        PromptInvalid: It is blank, or too long.

    """
    if not text.strip():
        raise PromptInvalid(f"'{param}' is empty.", param=param)
    if len(text) > LONGEST_SAID:
        raise PromptInvalid(f"'{param}' has {len(text)} characters; {LONGEST_SAID} is the most.", param=param)


class Variable(Struct, frozen=True):
    """What is filled in: its name, what it is in a few words, and whether it may be long."""

    name: str
    about: str = ""
    long: bool = False


def upper_snake(words: str) -> str:
    """Return a name in UPPER_SNAKE of ASCII letters, digits and underscores; empty where nothing is left."""
    spelled = "".join(
        each for each in unicodedata.normalize("NFKD", words[:LONGEST_READ]) if not unicodedata.combining(each)
    )
    name = "_".join(_WORD.findall(re.sub(r"(?i)\be-mail", "email", spelled.replace("œ", "oe")).upper()))
    return name.lstrip("0123456789_")[:LONGEST_VARIABLE].rstrip("_")


def key(name: str) -> str:
    """Return what two spellings of one name share."""
    return upper_snake(name) or unicodedata.normalize("NFC", name[:LONGEST_READ]).casefold()


def words_of(name: str) -> str:
    """Return a name as words."""
    return " ".join(name.replace("_", " ").lower().split())


def seems_long(name: str) -> bool:
    """Whether what has this name is a text of several sentences, as a rule."""
    return is_long(name, told=False)


def is_long(name: str, *, told: bool) -> bool:
    """Whether what has this name may be a text of several sentences: by its name, else as is told."""
    words = upper_snake(name).split("_")
    return not _LONG.isdisjoint(words) or (told and _SHORT.isdisjoint(words))


def placeholders(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of what a template fills in, in order of first use."""
    return compiled(Content(tuple(Message("user", text) for text in texts))).variables


def bracketed(task: str) -> tuple[str, ...]:
    """Return the names that a task has in brackets: as they are spelled where a template takes that."""
    return tuple(dict.fromkeys(name for _, name in bracketed_at(task)))[:MOST_VARIABLES]


def bracketed_at(task: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield where a task has names in brackets, and each name."""
    closed = frozenset(name.lower() for name in _CLOSING.findall(task[:MOST_READ]))
    for found in _BRACKETED.finditer(task[:MOST_READ]):
        said = (found["double"] or found["single"] or found["angle"] or found["square"]).strip()
        is_tag = found["angle"] is not None and (said.lower() in _HTML or said.lower() in closed)
        name = said if placeholders(["{{" + said + "}}"]) else upper_snake(said)
        if name and not is_tag:
            yield found, name


def in_words(task: str) -> tuple[str, ...]:
    """Return names for what a task says that it is given: "given a customer's email and an order number"."""
    names: dict[str, None] = {}
    for found in _CUE.finditer(task[:MOST_READ]):
        for index, part in enumerate(_BETWEEN.split(found["said"])):
            opening = _ARTICLE.match(part)
            if opening is None:
                # Behind a comma comes the verb of the sentence.
                if index:
                    break
                continue
            name = upper_snake(_INNER.sub(" ", part[opening.end() :]))
            if not name or name.count("_") >= MOST_WORDS:
                break
            names[name] = None
    return tuple(names)[:MOST_VARIABLES]


def same(name: str, other: str) -> bool:
    """Whether two names mean the same: one has all the words of the other, in any order, one or many."""
    mine, theirs = _stems(name), _stems(other)
    return bool(mine and theirs) and (mine <= theirs or theirs <= mine)


def _stems(name: str) -> set[str]:
    return {word.rstrip("S") or word for word in upper_snake(name).split("_") if word}
