"""The parts that a parser finds in a document, in its order."""

from typing import Literal

from msgspec import Struct

Kind = Literal["heading", "text", "item", "table", "code"]


class Block(Struct, frozen=True):
    """A heading, a paragraph, an item of a list, a table or code.

    `level` is that of a heading, from 1. Rows of a table, like lines of code, are lines; the first names its columns.
    """

    kind: Kind
    text: str
    level: int = 0
