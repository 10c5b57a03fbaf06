"""Words as the search by keywords compares them: stems of French and English, without accents or stop words."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from threading import local

from msgspec import Struct
from msgspec.structs import replace
from Stemmer import Stemmer  # pyright: ignore[reportUnknownVariableType] - made in C, and without types

from documents.glossary import meanings

_LONGEST = 64
# A code is letters and digits held together by signs: REF-2024/017, v2.1, a.b@c.fr, 12_500, ISO/IEC.
_TOKEN = re.compile(r"[^\W_]+(?:[-–_/.@:+'’&]+[^\W_]+)*")  # noqa: RUF001 - signs that texts hold
_PART = re.compile(r"[^\W\d_]+|\d+")
# 12 500,00 and 12,500.00 are one number; so is 12.500. The spaces may be narrow or not break.
_AMOUNT = re.compile(r"(?<![\w.,])(\d{1,3}(?:[ \u00a0\u202f.,'’]\d{3})+)(?!\d)(?:[.,]\d{1,2}(?!\d))?")  # noqa: RUF001 - same
# ISO 27001 is one name.
_NAMED_NUMBER = re.compile(r"\b([A-ZÀ-Þ]{2,6})[ \u00a0](\d{2,7})\b")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})
_ENGLISH = """
    a about after all also am an and any are as at be because been before being between both but by can could did do
    does doing for from further had has have having he her here hers him his how i if in into is it its itself just
    me more most my no nor not of off on once only or other our ours out over own same she should so some such than
    that the their theirs them then there these they this those through to too under until up very was we were what
    when where which while who whom why will with would you your yours
"""
_FRENCH = """
    ai ait alors as au aucun aussi autre aux avait avant avec avez avoir avons c ce ceci cela celle celles celui ces
    cet cette ceux chaque ci comme comment d dans de depuis des doit donc dont du elle elles en encore entre es est
    et etaient etait ete etes etre eu fait faut il ils j je jusqu l la laquelle le lequel les lesquels leur leurs
    lors lorsque lui m ma mais me meme memes mes moi moins mon n ne ni nos notre nous on ont ou par parce pas
    pendant peu peut peuvent plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se selon
    sera ses si soit son sont sous suis sur t ta te tes toi ton tous tout toute toutes tres tu un une vers vos votre
    vous y
"""
_LITTLE = {"en": frozenset(_ENGLISH.split()), "fr": frozenset(_FRENCH.split())}
_STOP = _LITTLE["en"] | _LITTLE["fr"]
BEGINNING = 6
"""So many letters in common make two words one for the order of what is found: contrat and contractuel, but also
défibrillateur and defibrillator."""


class Word(Struct, frozen=True):
    """A word of a question.

    Attributes:
        terms: What stands for it in the words of a passage; one of them is enough.
        exact: Whether it is a code, a number or an amount, which has no other forms.
        code: Whether it is a whole code, which says exactly what is meant.
        beginnings: The first `BEGINNING` letters of its stems; none of a word that is shorter, or exact.

    """

    terms: tuple[str, ...]
    exact: bool
    code: bool = False
    beginnings: frozenset[str] = frozenset()


def words_of(text: str) -> str:
    """Return the terms of a text, each once, parted by single spaces: letters and digits alone."""
    terms: dict[str, None] = {}
    for word in _words(text):
        terms.update(dict.fromkeys(word.terms))
    return " ".join(terms)


def asked(question: str, limit: int) -> tuple[Word, ...]:
    """Return the words of a question, each once: codes and numbers first, then the longest, no more than `limit`.

    What everyday words are in the other language, of French and English, stands for them too.
    """
    words = dict.fromkeys(_words(question))
    first = sorted(words, key=lambda word: (not word.code, not word.exact, -len(word.terms[0])))[:limit]
    languages = _languages(question)
    return tuple(word if word.exact else _widened(word, languages) for word in first)


def beginnings(terms: Iterable[str]) -> frozenset[str]:
    """Return the first letters of those terms that are long enough."""
    return frozenset(term[:BEGINNING] for term in terms if len(term) >= BEGINNING)


def folded(text: str) -> str:
    """Return a text in lower case, without accents."""
    split = unicodedata.normalize("NFKD", text).casefold().translate(_LIGATURES)
    return "".join(sign for sign in split if not unicodedata.combining(sign))


def _languages(question: str) -> list[str]:
    """Return the language that most little words of a question are of; both when that cannot be told."""
    found = _PART.findall(folded(question))
    counts = {language: sum(word in little for word in found) for language, little in _LITTLE.items()}
    return [language for language, count in counts.items() if count == max(counts.values())]


def _widened(word: Word, languages: Sequence[str]) -> Word:
    others = [_others()[language].get(term, ()) for language in languages for term in word.terms]
    terms = tuple(dict.fromkeys(chain(word.terms, *others)))
    return replace(word, terms=terms, beginnings=beginnings(word.terms))


@lru_cache(maxsize=1)
def _others() -> dict[str, dict[str, frozenset[str]]]:
    """Return the stems in the other language for those of each language."""
    others: dict[str, dict[str, frozenset[str]]] = {"fr": {}, "en": {}}
    for french, english in meanings():
        for language, words, same in (("fr", french, english), ("en", english, french)):
            stems = frozenset(chain.from_iterable(_stems(folded(word)) for word in same))
            for stem in chain.from_iterable(_stems(folded(word)) for word in words):
                others[language][stem] = others[language].get(stem, frozenset()) | stems
    return others


def _words(text: str) -> Iterator[Word]:
    for found in _AMOUNT.finditer(text):
        yield Word((re.sub(r"\D", "", folded(found[1])),), exact=True)
    for letters, digits in _NAMED_NUMBER.findall(text):
        yield Word((folded(letters + digits),), exact=True, code=True)
    for found in _TOKEN.finditer(folded(_AMOUNT.sub(" ", text))):
        yield from _of_token(found[0])


def _of_token(token: str) -> Iterator[Word]:
    parts = _PART.findall(token)
    whole = "".join(parts)
    if len(parts) > 1 and len(whole) <= _LONGEST and (any(map(str.isdigit, parts)) or "@" in token):
        yield Word((whole,), exact=True, code=True)
    for part in parts:
        if part.isdigit():
            yield Word((part[:_LONGEST],), exact=True)
        elif part not in _STOP and len(part) <= _LONGEST:
            yield Word(_stems(part), exact=False)


@lru_cache(maxsize=20_000)
def _stems(word: str) -> tuple[str, ...]:
    # The French rules come first: the order only decides what a word is sorted by.
    return tuple(dict.fromkeys(stem(word) for stem in _STEMMERS.both))


class _Stemmers(local):
    """The stemmers of one thread: they must not be used by two at once."""

    def __init__(self) -> None:
        stems: list[Callable[[str], str]] = [Stemmer(name).stemWord for name in ("french", "english")]  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType] - as above
        self.both = stems


_STEMMERS = _Stemmers()
