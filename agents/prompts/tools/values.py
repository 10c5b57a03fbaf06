"""What looks like a value in a prompt: quoted text, addresses, dates, amounts, numbers, languages, what is in tags."""

import re
from collections.abc import Iterator

from agents.prompts.tools.slots import Pair
from agents.prompts.tools.variables import upper_snake

MOST_READ = 200_000  # characters
_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
)
_LANGUAGES = (
    "english|french|german|spanish|italian|portuguese|dutch|polish|russian|ukrainian|turkish|arabic|hebrew|chinese"
    "|japanese|korean|hindi|swedish|norwegian|danish|finnish|greek|czech|romanian|hungarian|vietnamese|thai"
    "|anglais|français|allemand|espagnol|italien|portugais|néerlandais|polonais|russe|ukrainien|turc|arabe|hébreu"
    "|chinois|japonais|coréen|suédois|norvégien|danois|finnois|grec|tchèque|roumain|hongrois|vietnamien"
)
# Earlier ones win: a number within a date is no number of its own.
_LOOKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("", re.compile(r"<(?P<label>[^\W\d]\w{0,40})>(?P<value>[^<>]{1,20000}+)</(?P=label)>")),
    ("URL", re.compile(r"(?P<value>https?://[^\s<>\"'{}|\\^`\[\]]{3,2000}[^\s<>\"'{}|\\^`\[\].,;:!?)])")),
    ("EMAIL", re.compile(r"(?<![\w.+-])(?P<value>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})(?![\w-])")),
    (
        "DATE",
        re.compile(
            r"\b(?P<value>\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"
            rf"|\d{{1,2}}(?:er|st|nd|rd|th)? (?:{_MONTHS})(?: \d{{4}})?|(?:{_MONTHS}) \d{{1,2}}(?:, \d{{4}})?)\b",
            re.IGNORECASE,
        ),
    ),
    ("AMOUNT", re.compile(r"(?P<value>[$€£] ?\d[\d.,]{0,20}\d|[$€£] ?\d|\b\d(?:[\d.,]{0,20}\d)? ?[$€£])")),
    ("QUOTED_TEXT", re.compile(r"[\"\u201c](?P<value>[^\"\u201c\u201d\n{}]{1,2000})[\"\u201d]")),
    ("QUOTED_TEXT", re.compile(r"\u00ab(?P<value>[^\u00ab\u00bb\n{}]{1,2000}+)\u00bb")),
    (
        "TARGET_LANGUAGE",
        re.compile(rf"\b(?:to|into|in|en|vers l[ea]|vers l['\u2019])\s*(?P<value>{_LANGUAGES})\b", re.IGNORECASE),
    ),
    (
        "SOURCE_LANGUAGE",
        re.compile(rf"\b(?:from|depuis l[ea]|de l['\u2019]|du)\s*(?P<value>{_LANGUAGES})\b", re.IGNORECASE),
    ),
    ("NUMBER", re.compile(r"(?<![\w.,])(?P<value>\d(?:[\d.,]{0,20}\d)?)(?![\w]|[.,]\d)")),
)


def likely_values(text: str) -> Iterator[Pair]:
    """Yield what looks like a value, each under a name that says what it looks like."""
    read = text[:MOST_READ]
    taken = bytearray(len(read))
    for name, look in _LOOKS:
        for found in look.finditer(read):
            start, end = found.span("value")
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\1" * (end - start)
                yield Pair(name or upper_snake(found["label"]) or "TEXT", found["value"].strip())
