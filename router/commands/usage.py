"""`router usage`: what was used, spent and emitted, from the books, beside a running gateway or after it."""

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from router.process import on_books_as_they_are, settings_of_process
from router.settings import Settings

if TYPE_CHECKING:
    from metering.question import Column, Line, Question

app = App(name="usage", help="Print what was used, spent and emitted.")

By = Literal["model", "project", "key", "day"]
COLUMNS: "dict[str, Column]" = {"model": "model", "project": "project_id", "key": "key_id"}


@app.default
def usage(
    *,
    since: Annotated[datetime | None, Parameter(name="--from")] = None,
    until: Annotated[datetime | None, Parameter(name="--to")] = None,
    by: tuple[By, ...] = (),
    json: bool = False,
    csv: bool = False,
) -> None:
    """Print tokens, euros and kgCO2eq of the requests let in, those of different methods apart.

    Parameters
    ----------
    since
        From this moment on (ISO 8601; without an offset, UTC).
    until
        Before this moment.
    by
        What to group by, once each: model, project, key, day.
    json
        One JSON object a line, with every figure and what it rests on.
    csv
        The same as CSV.

    """
    question = _question(since, until, by)
    write = _write_json if json else _write_csv if csv else _write_table
    write(settings_of_process(), question)


def _question(since: datetime | None, until: datetime | None, by: tuple[By, ...]) -> "Question":
    from metering.question import EVER, FOREVER, Question  # noqa: PLC0415 - `--help` must be quick

    return Question(
        start=EVER if since is None else _utc(since),
        end=FOREVER if until is None else _utc(until),
        width="1d" if "day" in by else None,
        by=tuple(COLUMNS[name] for name in by if name != "day"),
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _write_json(settings: Settings, question: "Question") -> None:
    from router.framing import as_json  # noqa: PLC0415 - `--help` must be quick
    from router.report_export import in_full, rows  # noqa: PLC0415 - same reason

    asked = in_full(question)
    sys.stdout.buffer.writelines(as_json(row) + b"\n" for row in rows(asked, _lines(settings, asked)))


def _write_csv(settings: Settings, question: "Question") -> None:
    from router.report_export import HEADER, as_csv, as_csv_line, in_full, rows  # noqa: PLC0415 - `--help` must be quick

    asked = in_full(question)
    sys.stdout.buffer.write(as_csv_line(HEADER))
    sys.stdout.buffer.writelines(as_csv(row) for row in rows(asked, _lines(settings, asked)))


def _write_table(settings: Settings, question: "Question") -> None:
    from metering.question import CARBON, EURO  # noqa: PLC0415 - `--help` must be quick
    from router.report_query import with_amounts  # noqa: PLC0415 - same reason

    asked = with_amounts(question, EURO + CARBON, "method")
    days = ("day",) if asked.width else ()
    head = (*days, *asked.by, "requests", "input_tokens", "output_tokens", "cost_eur", "kgCO2eq", "unknown")
    table = [head, *(_cells(line) for line in _lines(settings, asked))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        told = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        sys.stdout.write("  ".join(told).rstrip() + "\n")


def _cells(line: "Line") -> tuple[str, ...]:
    sums = line.sums
    figures = (sums.requests, sums.input_tokens, sums.output_tokens, sums.cost_eur, sums.emissions_kg, sums.unknown)
    days = () if line.opens_at is None else (f"{line.opens_at:%Y-%m-%d}",)
    return (
        *days,
        *("-" if name is None else name for name in line.group),
        *("unknown" if figure is None else _plain(figure) for figure in figures),
    )


def _plain(figure: int | Decimal) -> str:
    return format(figure, "f") if isinstance(figure, Decimal) else str(figure)


def _lines(settings: Settings, question: "Question") -> "list[Line]":
    from metering.reports import Reports  # noqa: PLC0415 - `--help` must be quick

    return on_books_as_they_are(settings, lambda database: Reports(database).lines(question))
