"""Text as a reader sees it: no invisible characters, which may carry instructions, and no runs of blanks."""

import re
import unicodedata

SLICE_CHARS = 256

_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters, and those that show nothing: zero-width ones, marks of direction, tags, variation selectors,
# halves of surrogate pairs. A soft hyphen at the end of a line joins what it divides.
_SOFT_HYPHEN = re.compile("\u00ad[ \t]*\n?")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_BLANKS = re.compile("[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_TRAILING = re.compile(r"(?<![ ])[ ]++$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Return `text` in form NFC, without anything invisible, its lines stripped, none empty twice in a row."""
    text = _INVISIBLE.sub("", _SOFT_HYPHEN.sub("", _BREAKS.sub("\n", text)))
    text = _BLANKS.sub(" ", _composed(text))
    text = text.replace(" \n", "\n").replace("\n ", "\n")
    return _BLANK_LINES.sub("\n\n", text).strip()


def clean_code(text: str) -> str:
    """Return `text` cleaned but for its blanks, which mean something where they begin a line."""
    text = _composed(_INVISIBLE.sub("", _BREAKS.sub("\n", text)))
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text.expandtabs(4))).strip("\n")


def _composed(text: str) -> str:
    """Return form NFC, made of short slices: the time it takes grows with the square of marks that stand in a row."""
    if text.isascii():
        return text
    slices: list[str] = []
    begin = 0
    while begin < len(text):
        end = begin + SLICE_CHARS
        while end < len(text) and end < begin + 2 * SLICE_CHARS and unicodedata.combining(text[end]):
            end += 1
        slices.append(unicodedata.normalize("NFC", text[begin:end]))
        begin = end
    return "".join(slices)


def clean_line(text: str) -> str:
    """Return `text` cleaned, on one line."""
    return clean(text).replace("\n", " ").replace("  ", " ")
