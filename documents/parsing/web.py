"""HTML: headings, paragraphs, lists and tables that a reader would see; what is hidden stays out."""

import io
import re
from collections.abc import Generator, Iterable, Mapping
from typing import BinaryIO

from documents.parsing import sax
from documents.parsing.blocks import Block, Found, Kind
from documents.parsing.encodings import encoding_of
from documents.parsing.limits import Limits

# A paragraph that goes on is handed over in parts of about this size.
TEXT_CHARS = 64_000
# Of the number a list begins with.
MOST_DIGITS = 6

_UNSEEN_TAGS = (
    "script style noscript template head iframe object svg canvas audio video select datalist dialog rt rp noframes"
)
# Elements that HTML gives no end: a hidden one hides nothing after it.
_VOID_TAGS = "area base br col embed hr img input link meta source track wbr"
_BLOCK_TAGS = (
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form "
    "header hr legend li main menu nav ol p pre section summary table tbody td tfoot th thead title tr ul"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_UNSEEN, _VOID = frozenset(_UNSEEN_TAGS.split()), frozenset(_VOID_TAGS.split())
_BLOCKS = frozenset(_BLOCK_TAGS.split()).union(_HEADINGS)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|(font-size|opacity)\s*:\s*0*\.?0*(px|pt|em|rem|%)?\s*(;|!|$)",
    re.IGNORECASE,
)
_SPACES = re.compile(r"\s+")


def blocks(source: BinaryIO, suffix: str, limits: Limits) -> Generator[Block]:  # noqa: ARG001 - as every parser
    """Yield the blocks of a page, whatever its length and its depth."""
    text = io.TextIOWrapper(source, encoding_of(source))
    return blocks_of(iter(lambda: text.read(sax.PIECE_BYTES), ""))


def blocks_of(pieces: Iterable[str]) -> Generator[Block]:
    """Yield the blocks of a page that comes in pieces."""
    return sax.html((piece.encode("utf-8", "replace") for piece in pieces), Page())


class Page:
    """What of a page can be seen, as its tags come by."""

    def __init__(self) -> None:
        self._found = Found()
        self._hidden = 0
        self._kind: Kind = "text"
        self._mark = ""
        self._lists: list[int | None] = []
        self._level = 0
        self._text: list[str] = []
        self._length = 0
        self._tables = 0
        self._cells: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element; inside a hidden one it is only counted."""
        if self._hidden or _is_hidden(tag, attributes):
            self._hidden += tag not in _VOID
        elif tag == "br":
            self._text.append("\n")
        elif tag in _BLOCKS:
            self._break()
            self._enter(tag, attributes)

    def end(self, tag: str) -> None:
        """End an element, and the block that it is."""
        if self._hidden:
            self._hidden -= tag not in _VOID
        elif tag in _BLOCKS and self._tables:
            self._leave_in_table(tag)
        elif tag in _BLOCKS:
            self._break()
            self._leave(tag)

    def data(self, text: str) -> None:
        """Take text; blanks and line ends are one blank everywhere but in code."""
        if self._hidden:
            return
        self._text.append(text if self._kind == "code" else _SPACES.sub(" ", text))
        self._length += len(text)
        if self._length > TEXT_CHARS and not self._tables:
            self._flush()

    def take(self) -> list[Block]:
        """Hand over the blocks that are whole."""
        return self._found.take()

    def close(self) -> None:
        """End whatever is still open."""
        self._flush()
        self._found.end_table()

    def _break(self) -> None:
        """End a line in a cell of a table, a block elsewhere."""
        if self._tables:
            self._text.append("\n")
        else:
            self._flush()

    def _enter(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "table":
            self._tables += 1
        elif tag == "ol":
            start = attributes.get("start", "")
            self._lists.append(int(start) if start.isdecimal() and len(start) <= MOST_DIGITS else 1)
        elif tag == "ul":
            self._lists.append(None)
        elif tag == "li":
            self._kind, self._mark = "item", self._next_mark()
        elif tag == "pre":
            self._kind = "code"
        elif tag in _HEADINGS:
            self._level = _HEADINGS[tag]

    def _leave(self, tag: str) -> None:
        if tag in ("ol", "ul") and self._lists:
            self._lists.pop()
        elif tag in ("li", "pre"):
            self._kind, self._mark = "text", ""
        elif tag in _HEADINGS:
            self._level = 0

    def _leave_in_table(self, tag: str) -> None:
        if tag == "table":
            self._tables -= 1
        if self._tables > 1 or tag not in ("td", "th", "tr", "caption", "table"):
            self._text.append("\n")
            return
        text = self._drain()
        if tag in ("td", "th") or text.strip():
            self._cells.append(text)
        if tag in ("tr", "caption", "table"):
            self._found.add_row(self._cells)
            self._cells = []
        if not self._tables:
            self._found.end_table()

    def _next_mark(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number}. "

    def _flush(self) -> None:
        text = self._drain()
        if not text.strip():
            return
        if self._level:
            self._found.add("heading", text, self._level)
        else:
            self._found.add(self._kind, self._mark + text)
            self._mark = ""

    def _drain(self) -> str:
        text = "".join(self._text)
        self._text.clear()
        self._length = 0
        return text


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    return tag in _UNSEEN or "hidden" in attributes or bool(_HIDING.search(attributes.get("style", "")))
