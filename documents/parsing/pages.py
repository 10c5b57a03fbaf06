"""Paragraphs and headings from the lines of printed pages, which say neither."""

import re
from collections.abc import Generator, Iterable
from itertools import pairwise

from documents.parsing.blocks import Block, Found
from documents.parsing.clean import clean

# A paragraph that goes on is handed over in parts of about this size.
TEXT_CHARS = 64_000
HEADING_CHARS, SHORT_HEADING_CHARS = 100, 60
# A line that ends a sentence this far before the margin ends its paragraph.
SHORT_LINE = 0.8
# One that ends this far before the margin ends its paragraph in any case, unless it says that it goes on.
VERY_SHORT_LINE = 0.5
_GOES_ON = (",", "-", "(")

_LETTER = "[A-ZÀ-ÖØ-ÞŒ]"
_NUMBERED = re.compile(rf"(\d{{1,2}}(?:\.\d{{1,2}}){{0,4}})[.)]?\s+(?:[\"«(]\s?)?{_LETTER}")
_NAMED = re.compile(
    r"(article|chapitre|chapter|section|annexe|appendix|titre|title|partie|part)\s+([\dIVXLC]{1,6}|[A-Z]|premier|unique)"
    r"([\s.:\u2013\u2014-]|$)",
    re.IGNORECASE,
)
_UNFINISHED = (".", ",", ";", ":")
# The dots between a title and its page in a table of contents, and what they become.
_LEADERS, _LEADER = re.compile(r"(?: ?[._\u2026·]){4,}+ ?"), " … "
_SENTENCE_END = re.compile(r"[.!?:;…][\"'»\u201d\u2019)\]]*$")
_BULLET = re.compile(r"[•▪◦‣●○■□\u2013\u2014*·-]\s+(?=\S)")
_DASH = r"[-\u2013\u2014]?"
_PAGE_NUMBER = re.compile(rf"(?:page ?)?{_DASH} ?\d{{1,4}} ?(?:(?:/|sur|of|de) ?\d{{1,4}})? ?{_DASH}", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
# A hyphen at the end of a line divides a word, unless what follows is commonly tied to another word by a hyphen.
_DIVIDED = re.compile(r"[a-zà-öø-ÿœ]{2}-$")
_CONTINUED = re.compile(r"[a-zà-öø-ÿœ]+")
_TIED_WORDS = (
    "il ils elle elles on je tu nous vous moi toi lui leur ce ci là même mêmes être dire d t y en et in of on off up "
    "out to the down based term time level free wide specific aware driven friendly known end à de des du la le les"
)
_TIED = frozenset(_TIED_WORDS.split())


def blocks_of(pages: Iterable[str]) -> Generator[Block]:
    """Yield the blocks of pages, each a text of lines; a paragraph may go on over the end of a page."""
    text = _Paragraphs()
    heads: tuple[str, str] = ("", "")
    for page in pages:
        lines = [_LEADERS.sub(_LEADER, line) for line in clean(page).split("\n")]
        lines, heads = _without_margins(lines, heads)
        width = _width(lines)
        for line in lines:
            text.take_line(line, width)
        yield from text.found.take()
    text.end()
    yield from text.found.take()


class _Paragraphs:
    """Joins lines to paragraphs."""

    def __init__(self) -> None:
        self.found = Found()
        self._lines: list[str] = []
        self._length = 0
        self._item = False
        self._ended = True

    def take_line(self, line: str, width: int) -> None:
        """Take a line of a page whose full lines have `width` characters."""
        bullet = _BULLET.match(line)
        if not line or bullet or self._ended or self._length > TEXT_CHARS:
            self.end()
        if bullet:
            self._item, line = True, line[bullet.end() :]
        elif not self._lines and (level := _level(line, width)):
            self.found.add("heading", line, level)
            return
        if line:
            self._lines.append(line)
            self._length += len(line)
            self._ended = _ends_paragraph(line, width)

    def end(self) -> None:
        """End the paragraph."""
        if self._lines:
            text = _joined(self._lines)
            self.found.add("item" if self._item else "text", f"- {text}" if self._item else text)
        self._lines, self._length, self._item, self._ended = [], 0, False, False


def _ends_paragraph(line: str, width: int) -> bool:
    if _LEADER in line:
        return True
    if _SENTENCE_END.search(line):
        return len(line) < SHORT_LINE * width
    return len(line) < VERY_SHORT_LINE * width and not line.endswith(_GOES_ON)


def _joined(lines: list[str]) -> str:
    text = [lines[0]]
    for before, line in pairwise(lines):
        word = _CONTINUED.match(line)
        if not (_DIVIDED.search(before) and word):
            text.append(" ")
        elif word[0] not in _TIED:
            text[-1] = text[-1][:-1]
        text.append(line)
    return "".join(text)


def _level(line: str, width: int) -> int:
    """Tell the level of a line that may begin a paragraph: of a heading, or 0."""
    if len(line) > HEADING_CHARS or line.endswith(_UNFINISHED) or _LEADER in line:
        return 0
    if numbered := _NUMBERED.match(line):
        depth = numbered[1].count(".") + 1
        return depth if depth > 1 or len(line) <= SHORT_HEADING_CHARS else 0
    if _NAMED.match(line) and len(line) < SHORT_LINE * width:
        return 1
    letters = [character for character in line if character.isalpha()]
    return 1 if len(letters) > len(line) / 2 and len(letters) > len("TITRE") and line.isupper() else 0


def _without_margins(lines: list[str], heads: tuple[str, str]) -> tuple[list[str], tuple[str, str]]:
    """Drop numbers of pages, and the first and the last line when the page before had the same there."""
    begin, end = 0, len(lines)
    while begin < end and _says_nothing(lines[begin]):
        begin += 1
    while begin < end and _says_nothing(lines[end - 1]):
        end -= 1
    if begin == end:
        return [], heads
    first, last = (_DIGITS.sub("0", lines[at]) for at in (begin, end - 1))
    return lines[begin + (first == heads[0]) : end - (last == heads[1])], (first, last)


def _says_nothing(line: str) -> bool:
    return not line or bool(_PAGE_NUMBER.fullmatch(line))


def _width(lines: Iterable[str]) -> int:
    """Return the length of a full line: that which one in ten is longer than."""
    lengths = sorted(map(len, lines))
    return lengths[len(lengths) * 9 // 10] if lengths else 0
