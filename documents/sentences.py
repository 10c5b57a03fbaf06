"""Where a sentence ends in French and English text, and where a text without sentences can be cut."""

import re
from collections.abc import Generator

# A mark, what closes with it, blanks, and something that can begin a sentence; or a full stop of Chinese or Japanese.
_END = re.compile(
    r"""(?<![.!?…])(?P<mark>[.!?…]++)["'»\u201d\u2019)\]]*+(?:\s?»)?\s++"""
    r"""(?=["'«\u201c\u2018(\[¿¡\u2013\u2014-]{0,3}\s?(?:[^\W_a-zà-öø-ÿœ]|[-•]\s))|[。！？]|\n\n"""  # noqa: RUF001 - the marks themselves
)
_BEFORE = 12
# What is written with a full stop that ends no sentence: titles, references, Latin, days, measures; one letter alone.
_ABBREVIATED = re.compile(
    r"""(?:^|[\s("'«])(?:mm?|mmes?|mlles?|dr|pr|prof|me|mgr|st|ste|sr|jr|mr|mrs|ms|messrs|art|al|alin|cf|chap|p|pp|vol|"""
    r"""no|nos|fig|figs|tab|eq|éd|ed|eds|op|cit|ibid|id|env|av|apr|bd|boul|tél|tel|fax|ext|réf|ref|sect|ann|inc|ltd|co|"""
    r"""corp|dept|vs|approx|est|max|min|e\.g|i\.e|c\.-à-d|p\.\s?ex|ex|n\.b|n|r\.u|u\.s|u\.k|j\.-c|janv|févr|sept|oct|nov|"""
    r"""déc|jan|feb|aug|dec|[^\W\d_]|\d{1,2})$""",
    re.IGNORECASE,
)
_BLANK = re.compile(r"\s")


def sentences(text: str) -> Generator[str]:
    """Yield the sentences of a text, each with the blanks that follow it."""
    begin = 0
    for end in _END.finditer(text):
        if end["mark"] == "." and _ABBREVIATED.search(text, max(begin, end.start() - _BEFORE), end.start()):
            continue
        yield text[begin : end.end()]
        begin = end.end()
    if begin < len(text):
        yield text[begin:]


def halves(text: str) -> tuple[str, str]:
    """Cut a text of two characters or more near its middle: at a blank if there is one in its middle half."""
    middle = len(text) // 2
    quarter = len(text) // 4
    for found in _BLANK.finditer(text, middle, middle + quarter):
        return text[: found.end()], text[found.end() :]
    at = max(text.rfind(blank, middle - quarter, middle) for blank in " \n") + 1
    cut = at or middle
    return text[:cut], text[cut:]


def pieces(text: str, most_chars: int) -> Generator[str]:
    """Yield a text in pieces of at most `most_chars` characters, cut at blanks where there are any."""
    begin = 0
    while len(text) - begin > most_chars:
        limit = begin + most_chars
        blank = max(text.rfind(blank, begin + most_chars // 2, limit) for blank in " \n") + 1
        end = blank or limit
        yield text[begin:end]
        begin = end
    if begin < len(text):
        yield text[begin:]
