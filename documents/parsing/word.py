"""Word documents: paragraphs, headings by their styles, lists, tables and notes, read as a stream of tags."""

from collections import deque
from collections.abc import Generator, Mapping
from typing import BinaryIO

from msgspec import Struct

from documents.errors import Unreadable
from documents.parsing import sax
from documents.parsing.blocks import Block, Found
from documents.parsing.limits import Limits
from documents.parsing.styles import OFF, Styles, local, value
from documents.parsing.zipped import opened, pieces

DOCUMENT = "word/document.xml"
STYLES = "word/styles.xml"
NOTES = ("word/footnotes.xml", "word/endnotes.xml")

# The tenth level of an outline is body text.
DEEPEST = 9

# Deleted text, where moved text was, and the second drawing of what older programs cannot draw.
_UNSEEN = frozenset({"del", "moveFrom", "Fallback"})
_TYPED = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def blocks(source: BinaryIO, suffix: str, limits: Limits) -> Generator[Block]:  # noqa: ARG001 - as every parser
    """Yield the blocks of a document; nothing that it refers to outside of itself is looked at.

    Raises:
        Unreadable: It is no Word document, or its archive or its markup is hostile or damaged.

    """
    with opened(source, limits) as archive:
        if DOCUMENT not in archive.NameToInfo:
            raise Unreadable("it is a zip file, but not a Word document")
        styles = Styles()
        if STYLES in archive.NameToInfo:
            deque(sax.xml(pieces(archive, STYLES), styles), maxlen=0)
        for part in (DOCUMENT, *NOTES):
            if part in archive.NameToInfo:
                yield from sax.xml(pieces(archive, part), Text(styles))


class Paragraph(Struct):
    """A paragraph that is being read: what its runs say and what its properties make of it."""

    text: list[str]
    run: list[str]
    hidden: bool = False
    style: str = ""
    level: int | None = None
    listed: bool | None = None


class Text:
    """The text of one part of the document, as its tags come by."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._found = Found()
        self._unseen = 0
        self._open: list[Paragraph] = []
        self._reads = False
        self._tables = 0
        self._cells: list[str] = []
        self._cell: list[str] = []

    def doctype(self, name: str, public: str | None, system: str | None) -> None:  # noqa: ARG002 - told so by the parser
        """Refuse: no Word document declares entities.

        Raises:
            Unreadable: Always.

        """
        raise Unreadable("its markup declares a document type, as no Word document does")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        name = local(tag)
        if self._unseen or name in _UNSEEN:
            self._unseen += 1
        elif name == "p":
            self._open.append(Paragraph([], []))
        elif name == "tbl":
            self._tables += 1
        elif self._open:
            self._inside(self._open[-1], name, attributes)

    def end(self, tag: str) -> None:
        """End an element."""
        name = local(tag)
        if self._unseen:
            self._unseen -= 1
        elif name == "p" and self._open:
            self._close(self._open.pop())
        elif name == "r" and self._open:
            paragraph = self._open[-1]
            paragraph.text.extend(() if paragraph.hidden else paragraph.run)
            paragraph.run, paragraph.hidden = [], False
        elif name == "t":
            self._reads = False
        elif self._tables == 1:
            self._end_in_table(name)
        elif name == "tbl":
            self._tables -= 1

    def data(self, text: str) -> None:
        """Take text, which only stands in elements `t`."""
        if self._reads and self._open and not self._unseen:
            self._open[-1].run.append(text)

    def take(self) -> list[Block]:
        """Hand over the blocks that are whole."""
        return self._found.take()

    def close(self) -> None:
        """Nothing is open at the end of markup that is well formed."""

    def _inside(self, paragraph: Paragraph, name: str, attributes: Mapping[str, str]) -> None:
        if name == "t":
            self._reads = True
        elif name in _TYPED:
            paragraph.run.append(_TYPED[name])
        elif name in ("vanish", "webHidden"):
            paragraph.hidden = value(attributes) not in OFF
        elif name == "pStyle":
            paragraph.style = value(attributes)
        elif name == "outlineLvl" and value(attributes).isdecimal():
            paragraph.level = int(value(attributes)) + 1
        elif name == "numId":
            paragraph.listed = value(attributes) != "0"

    def _end_in_table(self, name: str) -> None:
        if name == "tc":
            self._cells.append("\n".join(self._cell))
            self._cell = []
        elif name == "tr":
            self._found.add_row(self._cells)
            self._cells = []
        elif name == "tbl":
            self._tables = 0
            self._found.end_table()

    def _close(self, paragraph: Paragraph) -> None:
        text = "".join(paragraph.text)
        level = paragraph.level or self._styles.level(paragraph.style)
        if self._tables:
            self._cell.append(text)
        elif level is not None and level <= DEEPEST:
            self._found.add("heading", text, level)
        elif paragraph.listed or (paragraph.listed is None and self._styles.is_listed(paragraph.style)):
            self._found.add("item", f"- {text}" if text.strip() else "")
        else:
            self._found.add("text", text)
