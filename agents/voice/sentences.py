"""An answer that is still being written, cut into sentences that can be spoken."""

import re

# The first sound is waited for: where the first sentence is long, its first clause is spoken alone.
FIRST_CLAUSE = 60
# No voice is asked for more at once, so a text without an end is spoken all the same.
LONGEST = 300
# A full stop after these ends no sentence.
ABBREVIATIONS = re.compile(
    r"[a-z]|(?:\w\.)+\w|mm|mme|mlle|mrs?|ms|dr|pr|prof|ste?|art|env|ex|cf|fig|no|pp|vol|vs|etc|av|apr|al|ca|t[eé]l"
    r"|c\.-à-d|p\.ex|min|max|[js]r|inc|ltd|dept|est|approx"
)

# What follows an end is part of it: quotes, brackets, more dots. The next word has to be there, as a quote may come.
CLOSING = "[\"'\u00bb\u201d\u2019)\\]*_]"
END = re.compile(rf"[.!?\u2026]+(?:{CLOSING}|\s\u00bb)*(?=\s+[^\s\u00bb])|\n")
CLAUSE = re.compile(rf"[,;:]{CLOSING}*(?=\s)|\s[\u2013\u2014](?=\s)")
ITEM = re.compile(r"^\s*\d{1,3}$")  # "1." at the head of a line numbers an item
LAST_WORD = re.compile(r"(\S+)$")
SPACE = re.compile(r"\s+")

FENCE = "```"
BLOCK = re.compile(rf"{FENCE}.*?{FENCE}", re.DOTALL)
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
    text = _without_code(text)
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
    plain = _without_code(text).partition(FENCE)[0]
    plain = LINK.sub(r"\1", plain)
    plain = ADDRESS.sub(" ", plain)
    plain = HEAD.sub("", plain)
    return SPACE.sub(" ", MARKS.sub("", plain)).strip()


def _without_code(text: str) -> str:
    """Return a text without its blocks of code; of one that is still open, only what may begin its end is kept."""
    before, fence, code = BLOCK.sub("\n", text).partition(FENCE)
    return before + fence + code[1 - len(FENCE) :]


def _end(text: str) -> int:
    """Return where the first sentence ends; 0 while it does not."""
    for match in END.finditer(text, 0, _open_code(text)):
        before = text[: match.start()]
        if before.strip() and not (text[match.start()] == "." and _abbreviated(before)):
            return match.end()
    return 0


def _open_code(text: str) -> int:
    """Return how much of a text is no code; one character more, where it is followed by some."""
    return len(text.partition(FENCE)[0]) + 1


def _abbreviated(before: str) -> bool:
    line = before.rsplit("\n", 1)[-1]
    word = LAST_WORD.search(before)
    if ITEM.match(line) or word is None:
        return True
    return ABBREVIATIONS.fullmatch(word.group(1).lstrip("(\"'«“[*_").lower()) is not None


def _clause(text: str) -> int:
    if len(text) < FIRST_CLAUSE or FENCE in text:
        return 0
    ends = [match.end() for match in CLAUSE.finditer(text) if match.end() >= FIRST_CLAUSE // 3]
    return next((end for end in reversed(ends) if end <= FIRST_CLAUSE), ends[0] if ends else 0)


def _too_long(text: str) -> int:
    if _open_code(text) <= LONGEST:
        return 0
    space = text.rfind(" ", LONGEST // 2, LONGEST)
    return space if space > 0 else LONGEST
