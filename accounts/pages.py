"""One page of a list: its rows, and whether there are more."""

from collections.abc import Generator
from typing import Any, Generic, TypeVar

from msgspec import Struct

from storage.script import Query, Rows
from storage.statement import Row

T = TypeVar("T")
MOST_ROWS = 100
USUAL_ROWS = 20


class Page(Struct, Generic[T], frozen=True):
    """Some rows of a list, in its order."""

    rows: list[T]
    has_more: bool


class Cut(Struct, frozen=True):
    """Which page is asked for: so many rows behind the id `after`, in the order of ids or against it."""

    after: str = ""
    limit: int = USUAL_ROWS
    descending: bool = False


def rows_of(select: str, values: Row, cut: Cut, column: str = "id") -> Generator[Query, Rows, Page[tuple[Any, ...]]]:
    """Read one page.

    Args:
        select: A SELECT that ends in a condition.
        values: Of its placeholders.
        cut: The page.
        column: Where the id is.

    """
    sign, order = ("<", "DESC") if cut.descending else (">", "ASC")
    if cut.after:
        select, values = f"{select} AND {column} {sign} ?", (*values, cut.after)
    rows = yield Query(f"{select} ORDER BY {column} {order} LIMIT ?", (*values, cut.limit + 1))
    return Page(rows[: cut.limit], has_more=len(rows) > cut.limit)
