"""Names of documents as they are shown: no path, nothing that hides or reorders text."""

import unicodedata

MOST_CHARACTERS = 200
NAMELESS = "document"
# Control, format (which holds the bidirectional marks), half a pair, and what breaks lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown_name(given: str) -> str:
    """Return the name of an upload for display: never empty, at most 200 characters, never a path."""
    base = given.replace("\\", "/").rpartition("/")[2]
    plain = "".join(sign for sign in base if unicodedata.category(sign) not in _HIDDEN)
    shown = plain.strip()[:MOST_CHARACTERS].strip()
    return shown if shown.strip(".") else NAMELESS
