"""Usage as a file: one row a bucket and group, with every figure and how it came to be, as CSV or JSON."""

import csv
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any, Literal

import msgspec
from msgspec import Struct, field, structs

from metering.impact import grid_kg_per_kwh
from metering.question import CARBON, EURO, SECONDS_HEARD, Column, Line, Question
from metering.receipt import Rate
from metering.reports import Reports
from router.framing import as_json
from router.report_pages import coverage
from router.report_query import SECONDS, Asked, with_amounts

Kind = Literal["csv", "json"]
# What a footprint and a price depend on: figures that differ in one of these are never in one row.
GROUNDS: tuple[Column, ...] = ("method", "basis", "zone", "exchange")
# A spreadsheet takes a cell that begins so for a formula (owasp.org/www-community/attacks/CSV_Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Row(Struct, frozen=True, kw_only=True):
    """One line of the file; empty where it was not grouped by, or where nothing is known.

    `audio_seconds` were transcribed, `characters` spoken. `method` names the source of the factors and its version,
    `grid_kgCO2eq_per_kWh` is its factor of the zone where it is the version installed here. Prices in a foreign
    currency were converted at `exchange_rates` (ECB). The coverages are shares from 0 to 1.
    """

    start_time: str | None
    end_time: str | None
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None
    requests: int
    failed: int
    unknown: int
    input_tokens: int | None
    output_tokens: int | None
    input_cached_tokens: int | None
    audio_seconds: Decimal | None
    characters: int | None
    cost_eur: Decimal | None
    emissions_kg: Decimal | None = field(name="emissions_kgCO2eq")
    emissions_min_kg: Decimal | None = field(name="emissions_min_kgCO2eq")
    emissions_max_kg: Decimal | None = field(name="emissions_max_kgCO2eq")
    embodied_kg: Decimal | None = field(name="embodied_kgCO2eq")
    energy_kwh: Decimal | None = field(name="energy_kWh")
    water_liters: Decimal | None
    coverage_requests: float | None
    coverage_output_tokens: float | None
    method: str | None
    basis: str | None
    zone: str | None
    grid_kg_per_kwh: float | None = field(name="grid_kgCO2eq_per_kWh")
    exchange_rates: str | None


HEADER = [each.encode_name for each in structs.fields(Row)]


def in_full(question: Question) -> Question:
    """Return the question for every figure, parted by what the figures rest on."""
    return with_amounts(question, EURO + SECONDS_HEARD + CARBON, *GROUNDS)


def rows(question: Question, lines: Iterable[Line]) -> list[Row]:
    """Return the rows of lines that `in_full` asked for."""
    return [_row(question, line) for line in lines]


async def written(reports: Reports, pages: Iterable[Asked], kind: Kind) -> AsyncIterator[bytes]:
    """Yield a whole file, one page of buckets after the other."""
    yield as_csv_line(HEADER) if kind == "csv" else b'{"object":"organization.usage.export","data":['
    comma = b""
    for page in pages:
        question = in_full(page.question)
        for row in rows(question, await reports.lines(question)):
            if kind == "csv":
                yield as_csv(row)
            else:
                yield comma + as_json(row)
                comma = b",\n"
    if kind == "json":
        yield b"]}\n"


def as_csv(row: Row) -> bytes:
    """Return a row as a line of CSV: numbers with all their digits, texts that no spreadsheet takes for formulas."""
    return as_csv_line([_cell(value) for value in structs.astuple(row)])


def as_csv_line(cells: Iterable[object]) -> bytes:
    """Return cells as RFC 4180 writes them, in UTF-8."""
    line = StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def _row(question: Question, line: Line) -> Row:
    told: dict[str, Any] = dict(zip(question.by, line.group, strict=True))
    sums, covered = line.sums, coverage(line.sums)
    return Row(
        start_time=None if line.opens_at is None else _iso(line.opens_at),
        end_time=None if line.opens_at is None or question.width is None else _iso(_end(line.opens_at, question)),
        project_id=told.get("project_id"),
        user_id=told.get("subject"),
        api_key_id=told.get("key_id"),
        model=told.get("model"),
        requests=sums.requests,
        failed=sums.failed,
        unknown=sums.unknown,
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        input_cached_tokens=sums.cached_tokens,
        audio_seconds=sums.audio_s,
        characters=sums.characters,
        cost_eur=sums.cost_eur,
        emissions_kg=sums.emissions_kg,
        emissions_min_kg=sums.emissions_min_kg,
        emissions_max_kg=sums.emissions_max_kg,
        embodied_kg=sums.embodied_kg,
        energy_kwh=sums.energy_kwh,
        water_liters=sums.water_liters,
        coverage_requests=covered.requests,
        coverage_output_tokens=covered.output_tokens,
        method=told["method"],
        basis=told["basis"],
        zone=told["zone"],
        grid_kg_per_kwh=grid_kg_per_kwh(told["zone"], told["method"]),
        exchange_rates=_rates(told["exchange"]),
    )


def _end(start: datetime, question: Question) -> datetime:
    return start + timedelta(seconds=SECONDS[question.width or "1d"])


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _rates(text: str | None) -> str | None:
    if text is None:
        return None
    rates = msgspec.json.decode(text, type=dict[str, Rate])
    return "; ".join(f"1 EUR = {rate.rate} {currency} ({rate.date})" for currency, rate in sorted(rates.items()))
