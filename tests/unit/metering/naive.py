"""Reports worked out the slow way: every entry is looked at, every figure is a fraction."""

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from msgspec import structs

from metering.question import Line, Question
from tests.unit.metering.books import query

LETTERS = {None: 0, "1m": 16, "1h": 13, "1d": 10}
Sheet = dict[tuple[Any, ...], dict[str, Any]]


def told(lines: list[Line], question: Question) -> Sheet:
    """Return the lines of a report as `worked_out` does."""
    sheet: Sheet = {}
    for line in lines:
        figures = structs.asdict(line.sums)
        wanted = {name: figures[name] for name in figures if name in question.amounts or not is_amount(name)}
        bucket = "" if line.opens_at is None else iso(line.opens_at)[: LETTERS[question.width]]
        exact = {name: Fraction(it) if isinstance(it, Decimal) else it for name, it in wanted.items()}
        sheet[bucket, *(name or "" for name in line.group)] = exact
    return sheet


def worked_out(folder: Path, question: Question) -> Sheet:
    """Return the figures of each bucket and group."""
    calls: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for call in query(folder, "SELECT * FROM ledger_calls ORDER BY request_id, seq"):
        calls[call["request_id"]].append(call)
    rows: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for entry in query(folder, "SELECT * FROM ledger"):
        row = dict(entry) | of_calls(calls[entry["request_id"]])
        if asked(row, question):
            bucket = row["opened_at"][: LETTERS[question.width]]
            rows[bucket, *(row[column] or "" for column in question.by)].append(row)
    return {group: summed(each, question) for group, each in rows.items()}


def of_calls(calls: list[sqlite3.Row]) -> dict[str, Any]:
    alone = len({call["model"] for call in calls}) == 1
    return {
        "basis": "+".join(sorted({call["basis"] for call in calls})),
        "zone": "+".join(sorted({call["zone"] for call in calls if call["zone"]})),
        "cached": sum(call["cache_read"] for call in calls),
        "input_eur": sum(Fraction(call["input_eur"]) for call in calls) if alone else None,
        "output_eur": sum(Fraction(call["output_eur"]) for call in calls) if alone else None,
        "heard": sum(call["audio_s"] is not None for call in calls),
        "spoken": sum(call["characters"] is not None for call in calls),
        "audio_s": known([call["audio_s"] for call in calls]),
        "characters": known([call["characters"] for call in calls]),
    }


def asked(row: dict[str, Any], question: Question) -> bool:
    filters = {"project_id": question.projects, "key_id": question.keys}
    filters |= {"subject": question.subjects, "model": question.models}
    within = iso(question.start) <= row["opened_at"] < iso(question.end)
    left_out = question.not_models or ()
    kept = row["model"] not in left_out or (row["resolved_model"] or left_out[0]) not in left_out
    return within and kept and all(wanted is None or row[column] in wanted for column, wanted in filters.items())


def summed(rows: list[dict[str, Any]], question: Question) -> dict[str, Any]:
    carbon = [row for row in rows if row["emissions_kg"] is not None]
    four = ("input_tokens", "output_tokens", "cost_eur", "emissions_kg")
    counts: dict[str, Any] = {
        "requests": len(rows),
        "failed": sum(row["status"] in {"error", "unknown"} for row in rows),
        "unknown": sum(any(row[name] is None for name in four) for row in rows),
        "carbon_known": len(carbon),
        "carbon_tokens": sum(row["output_tokens"] for row in carbon),
        "energy_known": sum(row["energy_kwh"] is not None for row in rows),
        "embodied_known": sum(row["embodied_kg"] is not None for row in rows),
        "water_known": sum(row["water_liters"] is not None for row in rows),
        "heard": sum(row["heard"] for row in rows),
        "spoken": sum(row["spoken"] for row in rows),
        "characters": known([row["characters"] for row in rows]),
        "input_tokens": known([row["input_tokens"] for row in rows]),
        "output_tokens": known([row["output_tokens"] for row in rows]),
        "cached_tokens": known([None if row["input_tokens"] is None else row["cached"] for row in rows]),
    }
    return counts | {name: known([row[name] for row in rows]) for name in question.amounts}


def known(figures: list[Any]) -> int | Fraction | None:
    there = [Fraction(figure) for figure in figures if figure is not None]
    return sum(there) if there else None


def is_amount(name: str) -> bool:
    return name.endswith(("_eur", "_kg", "_kwh", "_liters", "audio_s"))


def iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
