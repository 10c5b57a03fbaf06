"""The ledger's SQL: what is written, and what is closed for the dead."""

from storage.script import Query
from storage.statement import Row, insert_into

_WHO = (
    *("opened_at", "route", "agent", "model", "project_id", "subject", "key_id"),
    *("prompt_id", "prompt_version"),
)

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
        *("water_liters", "basis", "zone", "busy_s", "audio_s", "characters"),
    ),
    rank=1,
)


def _type_of(column: str) -> str:
    return "BIGINT" if column == "prompt_version" else "TEXT"


# What is selected has no type of its own on PostgreSQL. There, whoever was thought dead may be writing the same row: it
# is not seen, and stands in the way once it is in.
_CLOSE_AS_UNKNOWN = f"""
    INSERT INTO ledger (request_id, {",".join(_WHO)}, settled_at, status)
    SELECT CAST(? AS TEXT),{",".join(f"CAST(? AS {_type_of(name)})" for name in _WHO)},CAST(? AS TEXT), 'unknown'
    WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE request_id = ?)
    ON CONFLICT (request_id) DO NOTHING RETURNING request_id
"""  # noqa: S608 - names of ours, never input


def closing(row: Row) -> Query:
    """Return what appends an entry without figures, unless there is one; it sends back a row if it did.

    `row` holds the request's id, who it was, and when it is settled.
    """
    return Query(_CLOSE_AS_UNKNOWN, (*row, row[0]))
