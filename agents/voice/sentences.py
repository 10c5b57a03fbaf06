"""An answer that is still being written, cut into sentences that can be spoken."""

import re

# The first sound is waited for: where the first sentence is long, its first clause is spoken alone.
FIRST_CLAUSE = 60
# No voice is asked for more at once, so a text without an end is spoken all the same.
LONGEST = 300
# A full stop after these ends no sentence.
ABBREVIATIONS = frozenset(
    [
        "m",
        "mm",
        "mme",
        "mlle",
        "mr",
        "mrs",
        "ms",
        "dr",
        "pr",
        "prof",
        "st",
        "ste",
        "art",
        "env",
        "ex",
        "cf",
        "fig",
        "n",
        "no",
        "p",
        "pp",
        "vol",
        "vs",
        "etc",
        "av",
        "apr",
        "al",
        "ca",
        "tel",
        "tél",
        "e.g",
        "i.e",
        "c.-à-d",
        "p.ex",
        "min",
        "max",
        "jr",
        "sr",
        "inc",
        "ltd",
        "dept",
        "est",
        "approx",
    ]
)

# What follows an end is part of it: quotes, brackets, more dots.
END = re.compile(r"[.!?…]+[\"'»”’)\]*_]*(?=\s)|\n\s*\n|\n(?=\s*(?:[-*+•]|\d+[.)]|#))|\n")
CLAUSE = re.compile(r"[,;:][\"'»”’)\]]*(?=\s)|\s[–—](?=\s)")
ITEM = re.compile(r"^\s*\d{1,3}$")  # "1." at the head of a line numbers an item
LAST_WORD = re.compile(r"(\S+)$")
SPACE = re.compile(r"\s+")

FENCE = re.compile(r"```.*?(?:```|$)", re.DOTALL)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
ADDRESS = re.compile(r"https?://\S+")
HEAD = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+•]\s+)", re.MULTILINE)
MARKS = re.compile(r"[*_`~|<>{}\\^\x00]+")
SPEAKABLE = re.compile(r"\w")


def cut(text: str, *, first: bool) -> tuple[list[str], str]:
    """Return the sentences that are whole, ready to be spoken, and the rest of the text.

    Args:
        text: An answer so far, without what was cut from it already.
        first: Whether nothing of the answer was spoken yet: its first clause may then stand alone.

    """
    sentences: list[str] = []
    while (end := _end(text)) or (first and not sentences and (end := _clause(text))) or (end := _too_long(text)):
        sentences += last(text[:end])
        text = text[end:]
    return sentences, text


def last(text: str) -> list[str]:
    """Return the end of an answer as it can be spoken: one sentence or none."""
    plain = spoken(text)
    return [plain] if SPEAKABLE.search(plain) else []


def spoken(text: str) -> str:
    """Return a text without what is written but not said: marks of Markdown, code, addresses."""
    plain = FENCE.sub(" ", text)
    plain = LINK.sub(r"\1", plain)
    plain = ADDRESS.sub(" ", plain)
    plain = HEAD.sub("", plain)
    return SPACE.sub(" ", MARKS.sub("", plain)).strip()


def _end(text: str) -> int:
    """Return where the first sentence ends; 0 while it does not, as within a block of code."""
    for match in END.finditer(text):
        before = text[: match.start()]
        if before.count("```") % 2:
            continue
        if not before.strip() or (text[match.start()] == "." and _abbreviated(before)):
            continue
        return match.end()
    return 0


def _abbreviated(before: str) -> bool:
    line = before.rsplit("\n", 1)[-1]
    word = LAST_WORD.search(before)
    if ITEM.match(line) or word is None:
        return True
    plain = word.group(1).lstrip("(\"'«“[*_").lower()
    return plain in ABBREVIATIONS or (len(plain) == 1 and plain.isalpha())


def _clause(text: str) -> int:
    if len(text) < FIRST_CLAUSE or "```" in text:
        return 0
    ends = [match.end() for match in CLAUSE.finditer(text) if match.end() >= FIRST_CLAUSE // 3]
    return next((end for end in reversed(ends) if end <= FIRST_CLAUSE), ends[0] if ends else 0)


def _too_long(text: str) -> int:
    if len(text) <= LONGEST or text.count("```") % 2:
        return 0
    space = text.rfind(" ", LONGEST // 2, LONGEST)
    return space if space > 0 else LONGEST
