"""The ledger's SQL: what is written, what is closed for the dead, and what is read back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.database import open_to_read, open_to_write
from storage.errors import StorageDown
from storage.statement import delete_from, insert_into

_WHO = ("opened_at", "route", "agent", "model", "project_id", "subject")

OPEN = insert_into("open_requests", ("request_id", "owner", *_WHO), rank=0)
APPEND = insert_into(
    "ledger",
    (
        *("request_id", *_WHO, "settled_at", "status", "stream", "input_tokens", "output_tokens", "total_tokens"),
        *("latency_s", "ttft_s", "overhead_s", "cost_eur", "emissions_kg", "emissions_min_kg", "emissions_max_kg"),
        *("energy_kwh", "embodied_kg", "water_liters", "method", "exchange", "usage_source", "attempts"),
        *("resolved_model", "warnings"),
    ),
    rank=1,
)
APPEND_CALL = insert_into(
    "ledger_calls",
    (
        *("request_id", "seq", "model", "canonical", "provider", "status", "usage_source", "upstream_s", "ttft_s"),
        *("input_uncached", "cache_read", "cache_write", "output_visible", "reasoning", "audio_input", "audio_output"),
        *("cost_eur", "input_eur", "output_eur", "kg", "kg_min", "kg_max", "embodied_kg", "energy_kwh"),
        *("water_liters", "basis", "zone", "busy_s"),
    ),
    rank=2,
)
CLOSE = delete_from("open_requests", "request_id", rank=3)

_CLOSE_AS_UNKNOWN = f"""
    INSERT INTO ledger (request_id, {",".join(_WHO)}, settled_at, status)
    SELECT request_id, {",".join(_WHO)}, ?, 'unknown' FROM open_requests
    WHERE owner = ? AND request_id NOT IN (SELECT request_id FROM ledger)
"""  # noqa: S608 - names of ours, never input
_FORGET = "DELETE FROM open_requests WHERE owner = ?"
_OWNERS = "SELECT DISTINCT owner FROM open_requests"
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


def owners_of_open_requests(database: Path) -> set[str]:
    """Return who admitted the requests that are still open."""
    return {owner for (owner,) in _rows(database, _OWNERS, ())}


def close_as_unknown(database: Path, owner: str, settled_at: str) -> int:
    """Move the open requests of `owner` to the ledger, without figures; return how many.

    Raises:
        StorageDown: The database cannot be written now; nothing was moved.

    """
    try:
        with closing(open_to_write(database)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            closed = connection.execute(_CLOSE_AS_UNKNOWN, (settled_at, owner)).rowcount
            connection.execute(_FORGET, (owner,))
            connection.execute("COMMIT")
            return closed
    except sqlite3.Error as cause:
        raise StorageDown(str(cause)) from cause


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
