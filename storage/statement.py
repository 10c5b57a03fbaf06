"""Prepared writes: one SQL text for any number of rows."""

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

Value = str | int | float | bytes | None
Row = tuple[Value, ...]


class Statement(Struct, frozen=True, eq=False, kw_only=True):
    """A write that takes one row of values, or several in one go.

    `rank` orders the statements of a transaction: lower ranks run first, whoever submitted them. So a row that
    another needs has the lower rank, and what removes a row has a higher one than what adds it.
    """

    action: str
    table: str
    columns: tuple[str, ...]
    rank: int
    head: str
    row: str
    tail: str = ""


Work = Sequence[tuple[Statement, Row]]


def insert_into(table: str, columns: tuple[str, ...], *, rank: int) -> Statement:
    """Prepare `INSERT`; a row holds a value for each of `columns`."""
    head = f"INSERT INTO {table} ({','.join(columns)}) VALUES "  # noqa: S608 - names of ours, never input
    row = f"({','.join('?' * len(columns))})"
    return Statement(action="insert", table=table, columns=columns, rank=rank, head=head, row=row)


def upsert(table: str, columns: tuple[str, ...], *, key: int, rank: int) -> Statement:
    """Prepare an `INSERT` that replaces the other values where the first `key` columns name a row that is there.

    Rows of one transaction must have different keys.
    """
    plain = insert_into(table, columns, rank=rank)
    changed = ",".join(f"{column}=excluded.{column}" for column in columns[key:])
    tail = f" ON CONFLICT ({','.join(columns[:key])}) DO UPDATE SET {changed}"
    return Statement(
        action="upsert", table=table, columns=columns, rank=rank, head=plain.head, row=plain.row, tail=tail
    )


def delete_from(table: str, column: str, *, rank: int) -> Statement:
    """Prepare `DELETE`; a row holds the value of `column` that names what goes."""
    head = f"DELETE FROM {table} WHERE {column} IN ("  # noqa: S608 - names of ours, never input
    return Statement(action="delete", table=table, columns=(column,), rank=rank, head=head, row="?", tail=")")


@lru_cache(maxsize=1024)
def sql(statement: Statement, rows: int) -> str:
    """Return the text of a statement for that many rows, their values given flat, one row after the other."""
    return statement.head + ",".join([statement.row] * rows) + statement.tail
