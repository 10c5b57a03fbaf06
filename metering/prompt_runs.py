"""Runs of kept prompts, read from the book: one by one, newest first, and what each version's add up to."""

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from msgspec import Struct

from metering.hours import EXACT
from metering.question import EVER, FOREVER
from metering.receipt import RequestStatus
from storage.script import Database, Query, Rows, Script
from storage.statement import Value

SLICE = 5000  # entries read at a time
MEDIAN, LATE = 50, 95  # percentiles
_RUN = (
    *("request_id", "prompt_id", "prompt_version", "status", "model", "resolved_model", "agent", "route"),
    *("latency_s", "input_tokens", "output_tokens", "total_tokens", "cost_eur", "emissions_kg", "water_liters"),
    "opened_at",
)


class RunsAsked(Struct, frozen=True, kw_only=True):
    """Which runs are asked for: those let in from `start` on and before `end`, UTC; what is None restricts nothing.

    A prompt is in one project: where `prompt_id` is given, it alone says whose runs they are.
    """

    project_id: str
    prompt_id: str | None = None
    version: int | None = None
    status: RequestStatus | None = None
    start: datetime = EVER
    end: datetime = FOREVER


class Run(Struct, frozen=True, kw_only=True):
    """One run; figures are None where unknown. `model` is the one that was asked for, `at` when it was, in UTC."""

    request_id: str
    prompt_id: str
    version: int
    status: RequestStatus
    model: str
    resolved_model: str | None
    agent: str
    route: str
    latency_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost_eur: Decimal | None
    emissions_kg: Decimal | None
    water_liters: Decimal | None
    at: datetime


class RunPage(Struct, frozen=True):
    """Some runs, newest first, and whether there are older ones."""

    rows: list[Run]
    has_more: bool


class Place(Struct, frozen=True):
    """Where a run stands among all."""

    opened_at: str
    position: int


class VersionFigures(Struct, frozen=True, kw_only=True):
    """What the runs of one version add up to; exact, and None where not one of them has the figure.

    Attributes:
        version: Its number.
        runs: All that were let in, however they ended.
        errors: Those that ended `error` (nothing whole was answered) or `unknown` (their process died).
        partial: Those whose answer broke off after it had begun.
        client_gone: Those whose client left before the end.
        p50_s: Seconds that half of the runs that ended `ok` took at most; p95_s those that 95 % took at most. By
            nearest rank: of n latencies in ascending order the one at place ceil(p / 100 * n), which is one that was
            measured. None when no run ended `ok`.
        cost_unknown: How many runs have no cost, and so are not in `cost_eur`; the others likewise.
        last_run_at: When the newest of them came, in UTC.

    """

    version: int
    runs: int
    errors: int
    partial: int
    client_gone: int
    p50_s: float | None = None
    p95_s: float | None = None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    tokens_unknown: int
    cost_eur: Decimal | None = None
    cost_unknown: int
    emissions_kg: Decimal | None = None
    emissions_unknown: int
    last_run_at: datetime

    @property
    def error_rate(self) -> float:
        """Errors by runs, from 0 to 1."""
        return self.errors / self.runs


class PromptRuns:
    """Reads the runs of prompts, which the book knows by the ids of their prompts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, project_id: str, request_id: str) -> Place | None:
        """Return where a run of this project stands, None where there is none of this id.

        Raises:
            StorageDown: The database cannot be read now.

        """
        rows = await self._database.read(partial(_place, project_id, request_id))
        return Place(*rows[0]) if rows else None

    async def page(self, asked: RunsAsked, before: Place | None, limit: int) -> RunPage:
        """Return at most so many runs that are older than `before`, newest first; the newest of all without it.

        Raises:
            StorageDown: The database cannot be read now.

        """
        rows = await self._database.read(partial(_page, asked, before, limit + 1))
        return RunPage([_run(row) for row in rows[:limit]], len(rows) > limit)

    async def statistics(self, prompt_id: str, start: datetime, end: datetime) -> list[VersionFigures]:
        """Return the figures of each version that was run from `start` on and before `end`, highest number first.

        Raises:
            StorageDown: The database cannot be read now.

        """
        return await self._database.read(partial(_statistics, prompt_id, _iso(start), _iso(end)))


def _place(project_id: str, request_id: str) -> Script[Rows]:
    sql = "SELECT opened_at, position FROM ledger WHERE request_id = ? AND project_id = ? AND prompt_id IS NOT NULL"
    return (yield Query(sql, (request_id, project_id)))


def _page(asked: RunsAsked, before: Place | None, limit: int) -> Script[Rows]:
    # The id of a prompt leads to its rows by the index of prompts, that of a project by the one of projects.
    owner = ("project_id", asked.project_id) if asked.prompt_id is None else ("prompt_id", asked.prompt_id)
    conditions = ["prompt_id IS NOT NULL", f"{owner[0]} = ?", "opened_at >= ?", "opened_at < ?"]
    values: list[Value] = [owner[1], _iso(asked.start), _iso(asked.end)]
    for column, wanted in (("prompt_version", asked.version), ("status", asked.status)):
        if wanted is not None:
            conditions.append(f"{column} = ?")
            values.append(wanted)
    if before is not None:
        conditions.append("(opened_at, position) < (?, ?)")
        values += (before.opened_at, before.position)
    sql = f"""
        SELECT {",".join(_RUN)} FROM ledger WHERE {" AND ".join(conditions)}
        ORDER BY opened_at DESC, position DESC LIMIT ?
    """  # noqa: S608 - names of ours
    return (yield Query(sql, (*values, limit)))


def _run(row: tuple[Any, ...]) -> Run:
    *told, cost, carbon, water, at = row
    fields: dict[str, Any] = dict(zip(Run.__struct_fields__, told, strict=False))
    return Run(
        **fields,
        cost_eur=_exact(cost),
        emissions_kg=_exact(carbon),
        water_liters=_exact(water),
        at=datetime.fromisoformat(at),
    )


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


_OF_A_TIME = "prompt_id = ? AND opened_at >= ? AND opened_at < ?"
_COUNTS = f"""
    SELECT prompt_version, COUNT(*), COUNT(CASE WHEN status IN ('error', 'unknown') THEN 1 END),
           COUNT(CASE WHEN status = 'partial' THEN 1 END), COUNT(CASE WHEN status = 'client_gone' THEN 1 END),
           CAST(SUM(input_tokens) AS BIGINT), CAST(SUM(output_tokens) AS BIGINT), CAST(SUM(total_tokens) AS BIGINT),
           COUNT(*) - COUNT(total_tokens), COUNT(*) - COUNT(cost_eur), COUNT(*) - COUNT(emissions_kg), MAX(opened_at)
    FROM ledger WHERE {_OF_A_TIME} GROUP BY prompt_version ORDER BY prompt_version DESC
"""  # noqa: S608 - names of ours
# Nearest rank in whole numbers: ceil(n * p / 100) is (n * p + 99) / 100, cut off.
_LATENCIES = f"""
    SELECT prompt_version, latency_s FROM (
        SELECT prompt_version, latency_s,
               ROW_NUMBER() OVER (PARTITION BY prompt_version ORDER BY latency_s) AS place,
               COUNT(*) OVER (PARTITION BY prompt_version) AS runs
        FROM ledger WHERE {_OF_A_TIME} AND status = 'ok' AND latency_s IS NOT NULL
    ) AS placed WHERE place IN ((runs * {MEDIAN} + 99) / 100, (runs * {LATE} + 99) / 100)
"""  # noqa: S608 - names of ours
_AMOUNTS = f"""
    SELECT opened_at, position, prompt_version, cost_eur, emissions_kg FROM ledger
    WHERE {_OF_A_TIME} AND (opened_at, position) > (?, ?) ORDER BY opened_at, position LIMIT {SLICE}
"""  # noqa: S608 - names of ours


def _statistics(prompt_id: str, start: str, end: str) -> Script[list[VersionFigures]]:
    counted = yield Query(_COUNTS, (prompt_id, start, end))
    latencies = yield Query(_LATENCIES, (prompt_id, start, end))
    amounts = yield from _amounts(prompt_id, start, end)
    return [_figures(row, latencies, amounts[row[0]]) for row in counted]


def _figures(row: tuple[Any, ...], latencies: Rows, amounts: list[Decimal | None]) -> VersionFigures:
    version, runs, errors, broken, gone, read, written, total, *unknown, last = row
    # Of few runs one measure may be both, and comes once.
    measured = sorted(latency for of, latency in latencies if of == version)
    return VersionFigures(
        version=version,
        runs=runs,
        errors=errors,
        partial=broken,
        client_gone=gone,
        p50_s=measured[0] if measured else None,
        p95_s=measured[-1] if measured else None,
        input_tokens=read,
        output_tokens=written,
        total_tokens=total,
        tokens_unknown=unknown[0],
        cost_eur=amounts[0],
        cost_unknown=unknown[1],
        emissions_kg=amounts[1],
        emissions_unknown=unknown[2],
        last_run_at=datetime.fromisoformat(last),
    )


def _amounts(prompt_id: str, start: str, end: str) -> Script[dict[int, list[Decimal | None]]]:
    """Add up euros and kilograms of each version, some entries at a time: no database here has decimals for it."""
    sums: dict[int, list[Decimal | None]] = {}
    place: tuple[str, int] = ("", 0)
    found = SLICE
    while found == SLICE:
        rows = yield Query(_AMOUNTS, (prompt_id, start, end, *place))
        with localcontext(EXACT):
            _add(sums, rows)
        found = len(rows)
        if rows:
            place = rows[-1][:2]
    return sums


def _add(sums: dict[int, list[Decimal | None]], rows: Rows) -> None:
    of_version = itemgetter(2)
    for version, some in groupby(sorted(rows, key=of_version), of_version):
        known = sums.setdefault(version, [None, None])
        _, _, _, *columns = zip(*some, strict=True)
        for at, column in enumerate(columns):
            amounts = [Decimal(text) for text in column if text is not None]
            if amounts:
                known[at] = sum(amounts, known[at] or Decimal(0))


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
