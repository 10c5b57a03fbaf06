"""The parts that a parser finds in a document, in its order."""

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from documents.parsing.clean import clean, clean_code, clean_line

Kind = Literal["heading", "text", "item", "table", "code"]

# A table that goes on is handed over in parts of about this size.
TABLE_CHARS = 64_000
# A row of one such cell is no row: the table only lays out a page.
LAYOUT_CHARS = 300


class Block(Struct, frozen=True):
    """A heading, a paragraph, an item of a list, a table or code.

    `level` is that of a heading, from 1; a title over all headings has 0. Rows of a table, like lines of code, are
    lines; the first row names the columns.
    """

    kind: Kind
    text: str
    level: int = 0


_CLEAN: dict[Kind, Callable[[str], str]] = {
    "heading": clean_line,
    "text": clean,
    "item": clean,
    "table": clean,
    "code": clean_code,
}


class Found:
    """The blocks that a parser has found and not yet handed over."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._rows: list[str] = []
        self._length = 0
        self._header: str | None = None

    def add(self, kind: Kind, text: str, level: int = 0) -> None:
        """Add a block, cleaned, unless it is empty; `kind` is not "table"."""
        if cleaned := _CLEAN[kind](text):
            self._blocks.append(Block(kind, cleaned, level))

    def add_row(self, cells: Iterable[str]) -> None:
        """Add a row to the table that is open."""
        cells = [clean(cell) for cell in cells]
        filled = [cell for cell in cells if cell]
        if len(filled) == 1 and len(filled[0]) > LAYOUT_CHARS:
            self.end_table()
            self._blocks.append(Block("text", filled[0]))
        elif filled:
            row = " | ".join(clean_line(cell) for cell in cells)
            self._header = self._header or row
            self._rows.append(row)
            self._length += len(row)
        if self._length > TABLE_CHARS:
            header = self._header
            self.end_table()
            self._header = header
            self._rows = [header] if header else []

    def end_table(self) -> None:
        """End the table that is open."""
        if self._rows and (self._length or self._rows != [self._header]):
            self._blocks.append(Block("table", "\n".join(self._rows)))
        self._rows, self._length, self._header = [], 0, None

    def take(self) -> list[Block]:
        """Hand over what was found since the last time."""
        blocks, self._blocks = self._blocks, []
        return blocks
