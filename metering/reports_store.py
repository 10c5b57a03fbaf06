"""What a report reads: the sums of whole hours, and the entries of hours that are cut."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from metering.hours import EXACT, FAILED, HOUR_LETTERS, Sums, named_once
from metering.question import Line, Question
from storage.script import Query, Script, places
from storage.statement import Value

HOUR = timedelta(hours=1)
SLICE = 5000  # entries read at a time
LETTERS = {None: 0, "1m": 16, "1h": HOUR_LETTERS, "1d": 10}  # of a time in ISO 8601 that name its bucket
SMALLEST = "1970-01-01T00:00"
COUNTS = (
    *("requests", "failed", "unknown", "carbon_known", "carbon_tokens", "energy_known", "embodied_known"),
    *("water_known", "heard", "spoken", "input_tokens", "output_tokens", "cached_tokens", "characters"),
)
FILTERS = (("project_id", "projects"), ("key_id", "keys"), ("subject", "subjects"), ("model", "models"))

Group = tuple[str, ...]
Rows = dict[Group, list[tuple[Any, ...]]]


class Raw(NamedTuple):
    """One call of an entry beside the entry, or the entry of a request that made none."""

    position: int
    opened_at: str
    project_id: str
    key_id: str | None
    subject: str
    model: str
    resolved_model: str | None
    method: str | None
    exchange: str | None
    status: str
    input_tokens: int | None
    output_tokens: int | None
    cost_eur: str | None
    emissions_kg: str | None
    emissions_min_kg: str | None
    emissions_max_kg: str | None
    embodied_kg: str | None
    energy_kwh: str | None
    water_liters: str | None
    called: str | None
    basis: str | None
    zone: str | None
    cache_read: int | None
    input_eur: str | None
    output_eur: str | None
    audio_s: str | None
    characters: int | None


ENTRY = tuple(f"e.{name}" for name in Raw._fields[: Raw._fields.index("called")])
CALL = ("c.model", "c.basis", "c.zone", "c.cache_read", "c.input_eur", "c.output_eur", "c.audio_s", "c.characters")


class Figures:
    """The rows of each bucket and group: counts, and decimals as they were read or their sums."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._letters = LETTERS[question.width]
        self._behind = 1 + len(question.by)
        self._counts: Rows = {}
        self._amounts: Rows = {}

    def add_counts(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take rows of a time, the columns of a group, then its counts."""
        self._gather(rows, self._counts)

    def add_amounts(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take rows of a time, the columns of a group, then its decimals."""
        self._gather(rows, self._amounts)

    def _gather(self, rows: Iterable[tuple[Any, ...]], known: Rows) -> None:
        letters, behind = self._letters, self._behind
        for row in rows:
            group = (row[0][:letters], *row[1:behind])
            if group in known:
                known[group].append(row[behind:])
            else:
                known[group] = [row[behind:]]

    def fold(self) -> None:
        """Keep sums in the place of rows."""
        with localcontext(EXACT):
            for rows, total in ((self._counts, _count), (self._amounts, _exact)):
                for group, found in rows.items():
                    if len(found) > 1:
                        rows[group] = [tuple(total(column) for column in zip(*found, strict=True))]

    def lines(self) -> list[Line]:
        """Return a line for each bucket and group, in order."""
        self.fold()
        return [self._line(*each) for each in sorted(self._counts.items())]

    def _line(self, group: Group, counts: Sequence[tuple[Any, ...]]) -> Line:
        bucket, *names = group
        figures: Any = dict(zip(COUNTS, counts[0], strict=True))
        if self._question.amounts:
            amounts = zip(self._question.amounts, self._amounts[group][0], strict=True)
            figures |= {name: None if amount is None else Decimal(amount) for name, amount in amounts}
        opens_at = datetime.fromisoformat(bucket + SMALLEST[len(bucket) :] + "+00:00") if bucket else None
        return Line(opens_at, tuple(name or None for name in names), Sums(**figures))


def answer(question: Question) -> Script[list[Line]]:
    """Return the lines of a question."""
    figures = Figures(question)
    first, last = whole_hours(question)
    if first < last:
        yield from _hours(question, first, last, figures)
        yield from _entries(question, question.start, first, figures)
        yield from _entries(question, last, question.end, figures)
    else:
        yield from _entries(question, question.start, question.end, figures)
    return figures.lines()


def whole_hours(question: Question) -> tuple[datetime, datetime]:
    """Return from when to when the sums of hours answer; nowhere where the first is not before the last."""
    start, end = question.start.astimezone(UTC), question.end.astimezone(UTC)
    if question.width == "1m":
        return end, end
    first = start.replace(minute=0, second=0, microsecond=0)
    return (first if first == start else first + HOUR), end.replace(minute=0, second=0, microsecond=0)


def _hours(question: Question, first: datetime, last: datetime, figures: Figures) -> Script[None]:
    conditions, values = _filters(question)
    values = [_iso(first)[:HOUR_LETTERS], _iso(last)[:HOUR_LETTERS], *values]
    source = f"FROM usage_hours WHERE hour >= ? AND hour < ?{conditions}"
    group = ",".join((f"substr(hour, 1, {LETTERS[question.width]})", *question.by))
    # The database adds up whole numbers; it has no decimals that are exact.
    counts = ",".join(f"CAST(SUM({name}) AS BIGINT)" for name in COUNTS)
    figures.add_counts((yield Query(f"SELECT {group},{counts} {source} GROUP BY {group}", tuple(values))))
    if question.amounts:
        columns = ",".join(("hour", *question.by, *question.amounts))
        figures.add_amounts((yield Query(f"SELECT {columns} {source}", tuple(values))))


def _entries(question: Question, start: datetime, end: datetime, figures: Figures) -> Script[None]:
    """Gather the entries of a time, some at a time: there may be any number."""
    if start >= end:
        return
    conditions, values = _filters(question)
    sql = f"""
        SELECT {",".join((*ENTRY, *CALL))} FROM (
            SELECT * FROM ledger
            WHERE opened_at >= ? AND opened_at < ? AND (opened_at > ? OR position > ?){conditions}
            ORDER BY opened_at, position LIMIT {SLICE}
        ) AS e LEFT JOIN ledger_calls AS c ON c.request_id = e.request_id
        ORDER BY e.opened_at, e.position, c.seq
    """  # noqa: S608 - names of ours
    since, position, read = _iso(start), 0, SLICE
    while read == SLICE:
        found = yield Query(sql, (since, _iso(end), since, position, *values))
        requests = list(_requests(found))
        known = [_figures(calls) for calls in requests]
        figures.add_counts([_row(each, (*question.by, *COUNTS)) for each in known])
        if question.amounts:
            figures.add_amounts([_row(each, (*question.by, *question.amounts)) for each in known])
        figures.fold()
        read = len(requests)
        if requests:
            since, position = requests[-1][0].opened_at, requests[-1][0].position


def _filters(question: Question) -> tuple[str, list[Value]]:
    text, values = "", list[Value]()
    for column, name in FILTERS:
        wanted: tuple[str, ...] | None = getattr(question, name)
        if wanted is not None:
            text += f" AND {column} IN ({places(len(wanted))})"
            values += wanted
    if question.not_models:
        # Minutes are asked of a model that hears and are written by one that chats: they are usage of the latter.
        these = places(len(question.not_models))
        text += f" AND NOT (model IN ({these}) AND COALESCE(resolved_model, '') IN ('', {these}))"
        values += (*question.not_models, *question.not_models)
    return text, values


def _count(column: Sequence[int | None]) -> int | None:
    known = [figure for figure in column if figure is not None]
    return sum(known) if known else None


def _exact(column: Sequence[str | Decimal | None]) -> Decimal | None:
    """Return the sum of what is known; the caller has set the context that refuses to round."""
    known = [figure for figure in column if figure is not None]
    return sum(map(Decimal, known), Decimal(0)) if known else None


def _requests(found: Iterable[tuple[Any, ...]]) -> Iterator[list[Raw]]:
    for _, calls in groupby(found, key=itemgetter(0)):
        yield [Raw(*call) for call in calls]


def _row(known: dict[str, Any], names: Iterable[str]) -> tuple[Any, ...]:
    return (known["opened_at"], *[known[name] for name in names])


def _figures(calls: list[Raw]) -> dict[str, Any]:
    """Return an entry by the names that its hour has for the same."""
    entry = calls[0]
    made = [call for call in calls if call.called is not None]
    alone = len({call.called for call in made}) == 1
    known: dict[str, Any] = entry._asdict()
    known |= {
        "key_id": entry.key_id or "",
        "resolved_model": entry.resolved_model or "",
        "method": entry.method or "",
        "exchange": entry.exchange or "",
        "basis": named_once(call.basis for call in made),
        "zone": named_once(call.zone for call in made),
        "requests": 1,
        "failed": int(entry.status in FAILED),
        "unknown": int(None in (entry.input_tokens, entry.output_tokens, entry.cost_eur, entry.emissions_kg)),
        "carbon_known": int(entry.emissions_kg is not None),
        "carbon_tokens": 0 if entry.emissions_kg is None else entry.output_tokens or 0,
        "energy_known": int(entry.energy_kwh is not None),
        "embodied_known": int(entry.embodied_kg is not None),
        "water_known": int(entry.water_liters is not None),
        "heard": sum(call.audio_s is not None for call in made),
        "spoken": sum(call.characters is not None for call in made),
        "characters": _count([call.characters for call in made]),
        "cached_tokens": None if entry.input_tokens is None else sum(call.cache_read or 0 for call in made),
    }
    with localcontext(EXACT):
        known["input_eur"] = _exact([call.input_eur for call in made]) if alone else None
        known["audio_s"] = _exact([call.audio_s for call in made])
        known["output_eur"] = _exact([call.output_eur for call in made]) if alone else None
    return known


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
