"""The ledger's SQL: what is written, and what is closed for the dead."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from metering.hours import UPSERT_HOUR, rows_of_closed
from storage.database import open_to_write
from storage.errors import StorageDown
from storage.statement import Row, insert_into
from storage.transactions import write_rows

if TYPE_CHECKING:
    from metering.ledger import Admission

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

_CLOSE_AS_UNKNOWN = f"""
    INSERT INTO ledger (request_id, {",".join(_WHO)}, settled_at, status)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, 'unknown' WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE request_id = ?)
"""  # noqa: S608 - names of ours, never input


def close_as_unknown(database: Path, admitted: "Sequence[tuple[Admission, Row]]", owner: str) -> int:
    """Append an entry without figures for each request that has none, and count it in its hour; return how many.

    Args:
        database: The ledger's file.
        admitted: For each request its id, who it was, and when it is settled.
        owner: Of its hours; used once.

    Raises:
        StorageDown: The database cannot be written now; nothing was appended.

    """
    try:
        with closing(open_to_write(database)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            closed = [
                admission
                for admission, row in admitted
                if connection.execute(_CLOSE_AS_UNKNOWN, (*row, row[0])).rowcount
            ]
            write_rows(connection, UPSERT_HOUR, rows_of_closed(closed, owner))
            connection.execute("COMMIT")
            return len(closed)
    except sqlite3.Error as cause:
        raise StorageDown(str(cause)) from cause
