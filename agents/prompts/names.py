"""How prompts, labels, categories and tags are spelled."""

import unicodedata
from collections.abc import Iterable

from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import LATEST, LONGEST_NAME, MOST_LABELS, MOST_TAGS, PRODUCTION

LONGEST_WORD = 64  # characters of a label or a tag
LONGEST_NOTE = 2_000
LONGEST_DESCRIPTION = 10_000  # a list shows a hundred of them, and is searched through each
RESERVED = frozenset({LATEST, PRODUCTION})
# Control, private use, half a pair, and what breaks lines and paragraphs.
_NEVER = frozenset({"Cc", "Co", "Cs", "Zl", "Zp"})
_DOTS = frozenset({".", ".."})  # which clients take out of a path
# Marks are put in order one by one, in a time that grows with the square of their number. In NFC a text has at least a
# quarter of the characters that it had.
_LONGEST_SPELLED = 4 * LONGEST_NAME
_FOLDED_AT_ONCE = 32


def spelled(text: str) -> str:
    """Return a text as names are kept: in NFC, without blanks around it; what is too long for a name stays so."""
    plain = text.strip()
    return plain if len(plain) > _LONGEST_SPELLED else unicodedata.normalize("NFC", plain).strip()


def can_be_found(text: str) -> bool:
    """Whether a text may be the name or a label of something: every database can be asked for it."""
    return 0 < len(text) <= LONGEST_NAME and _is_plain(text)


def checked_name(name: str) -> str:
    """Return the name of a prompt as it is kept.

    Raises:
        PromptInvalid: It is empty, too long, `.` or `..`, or holds control or private-use characters.

    """
    plain = spelled(name)
    if not can_be_found(plain) or plain in _DOTS:
        reason = f"A name has 1 to {LONGEST_NAME} characters, none of them a control or private-use character"
        raise PromptInvalid(f"{reason}, and is neither '.' nor '..'", param="name")
    return plain


def checked_label(label: str) -> str:
    """Return a label as it is kept.

    Raises:
        PromptInvalid: It is reserved, or holds anything but letters, digits, `_`, `-` and `.`.

    """
    plain = spelled(label)
    if label_meant(plain) in RESERVED:
        reason = f"The label '{label_meant(plain)}' follows from the versions and cannot be set"
        raise PromptInvalid(f"{reason}: promote a version to put it in production", param="labels")
    if not 0 < len(plain) <= LONGEST_WORD or not all(sign.isalnum() or sign in "_-." for sign in plain):
        reason = f"A label has 1 to {LONGEST_WORD} letters, digits, '_', '-' and '.'"
        raise PromptInvalid(reason, param="labels")
    return plain


def checked_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of a version, each once, sorted.

    Raises:
        PromptInvalid: One is not as it must be, or there are too many.

    """
    plain = tuple(sorted({checked_label(label) for label in labels}))
    if len(plain) > MOST_LABELS:
        raise PromptInvalid(f"A version has at most {MOST_LABELS} labels", param="labels")
    return plain


def label_meant(label: str) -> str:
    """Return the label that is looked for: `PRODUCTION` and `Latest` are the reserved ones."""
    plain = spelled(label)
    return plain.casefold() if plain.casefold() in RESERVED else plain


def checked_category(category: str) -> str:
    """Return a category as it is kept: names joined by `/`, empty for none.

    Raises:
        PromptInvalid: A part of it is empty, `.` or `..`, or it is no name.

    """
    given = spelled(category)
    parts = [part.strip() for part in given.split("/")] if len(given) <= _LONGEST_SPELLED else [given]
    plain = "/".join(parts)
    if not plain:
        return ""
    if not can_be_found(plain) or "" in parts or not _DOTS.isdisjoint(parts):
        reason = f"A category is a path such as 'support/mails' of at most {LONGEST_NAME} characters"
        raise PromptInvalid(reason, param="category")
    return plain


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags of a prompt, each once, in the order given.

    Raises:
        PromptInvalid: One is empty, too long or holds control characters, or there are too many.

    """
    plain = tuple(dict.fromkeys(map(spelled, tags)))
    if len(plain) > MOST_TAGS:
        raise PromptInvalid(f"A prompt has at most {MOST_TAGS} tags", param="tags")
    if not all(0 < len(tag) <= LONGEST_WORD and _is_plain(tag) for tag in plain):
        raise PromptInvalid(f"A tag has 1 to {LONGEST_WORD} characters, no control character", param="tags")
    return plain


def checked_description(text: str) -> str:
    """Return a description that every database can hold.

    Raises:
        PromptInvalid: It is too long, or no text.

    """
    return _checked_text(text, "description", LONGEST_DESCRIPTION)


def checked_note(text: str) -> str:
    """Return why a version was made, as every database can hold it.

    Raises:
        PromptInvalid: It is too long, or no text.

    """
    return _checked_text(text, "note", LONGEST_NOTE)


def folded(*texts: str) -> str:
    """Return texts as a search compares them: without case and accents, one a line."""
    whole = "\n".join(texts)
    # Piece by piece: nobody will see in which order the marks were.
    starts = range(0, len(whole), _FOLDED_AT_ONCE)
    parts = [unicodedata.normalize("NFKD", whole[start : start + _FOLDED_AT_ONCE]) for start in starts]
    return "".join(sign for sign in "".join(parts).casefold() if not unicodedata.combining(sign))


def _checked_text(text: str, param: str, longest: int) -> str:
    # PostgreSQL knows no NUL, and half a pair is no text anywhere.
    if len(text) > longest or any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text):
        raise PromptInvalid(f"'{param}' has at most {longest} characters, and no NUL", param=param)
    return text


def _is_plain(text: str) -> bool:
    return all(unicodedata.category(sign) not in _NEVER for sign in text)
