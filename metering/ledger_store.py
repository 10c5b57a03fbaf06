"""The ledger's SQL: what is written, what is closed for the dead, and what is read back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.database import open_to_read
from storage.errors import StorageDown
from storage.script import Query
from storage.statement import Row, insert_into

_WHO = ("opened_at", "route", "agent", "model", "project_id", "subject", "key_id")

APPEND = insert_into(
    "ledger",
    (
        *("request_id", *_WHO, "settled_at", "status", "stream", "input_tokens", "output_tokens", "total_tokens"),
        *("latency_s", "ttft_s", "overhead_s", "cost_eur", "emissions_kg", "emissions_min_kg", "emissions_max_kg"),
        *("energy_kwh", "embodied_kg", "water_liters", "method", "exchange", "usage_source", "attempts"),
        *("resolved_model", "warnings"),
    ),
    rank=0,
)
APPEND_CALL = insert_into(
    "ledger_calls",
    (
        *("request_id", "seq", "model", "canonical", "provider", "status", "usage_source", "upstream_s", "ttft_s"),
        *("input_uncached", "cache_read", "cache_write", "output_visible", "reasoning", "audio_input", "audio_output"),
        *("cost_eur", "input_eur", "output_eur", "kg", "kg_min", "kg_max", "embodied_kg", "energy_kwh"),
        *("water_liters", "basis", "zone", "busy_s"),
    ),
    rank=1,
)

# What is selected has no type of its own on PostgreSQL.
_CLOSE_AS_UNKNOWN = f"""
    INSERT INTO ledger (request_id, {",".join(_WHO)}, settled_at, status)
    SELECT {",".join(["CAST(? AS TEXT)"] * (len(_WHO) + 2))}, 'unknown'
    WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE request_id = ?)
    RETURNING request_id
"""  # noqa: S608 - names of ours, never input
_READ = """
    SELECT request_id, status, model, agent, input_tokens, output_tokens, cost_eur, emissions_kg, usage_source,
           attempts, settled_at, project_id
    FROM ledger WHERE settled_at >= ? ORDER BY position
"""
_READ_FIGURES = """
    SELECT input_tokens, output_tokens, cost_eur, emissions_kg FROM ledger
    WHERE project_id = ? AND settled_at >= ? AND settled_at < ? AND (? IS NULL OR model = ?)
"""

Rows = Iterator[tuple[Any, ...]]


def closing(row: Row) -> Query:
    """Return what appends an entry without figures, unless there is one; it sends back a row if it did.

    `row` holds the request's id, who it was, and when it is settled.
    """
    return Query(_CLOSE_AS_UNKNOWN, (*row, row[0]))


def read(database: Path, since: str) -> Rows:
    """Yield the entries settled at `since` or later, in the order of the book.

    Columns: request_id, status, model, agent, input and output tokens, euros, kilograms, usage source, attempts,
    time of settling, project.
    """
    return _rows(database, _READ, (since,))


def read_figures(database: Path, project_id: str, start: str, end: str, model: str | None) -> Rows:
    """Yield input tokens, output tokens, euros and kilograms of a project's entries, `end` excluded."""
    return _rows(database, _READ_FIGURES, (project_id, start, end, model, model))


def _rows(database: Path, query: str, values: tuple[str | None, ...]) -> Rows:
    try:
        with closing(open_to_read(database)) as connection:
            yield from connection.execute(query, values)
    except sqlite3.Error as cause:
        raise StorageDown(str(cause)) from cause
