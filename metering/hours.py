"""Sums of the book by the hour in which requests were let in: what reports read instead of every entry."""

import functools
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET, Struct, json

from storage.statement import Row, upsert

if TYPE_CHECKING:
    from metering.ledger import Admission, Entry
    from metering.receipt import CallRow

# A sum of what began as floats never needs this many digits; if one did, it is an error and not a rounded figure.
EXACT = Context(prec=2000, traps=[Inexact, InvalidOperation])
REMEMBERED = timedelta(hours=2)
HOUR_LETTERS = 13  # of a time in ISO 8601: 2026-11-21T12
FAILED = frozenset({"error", "unknown"})


class Place(NamedTuple):
    """Which row a request is counted in; '' where a request has none of it.

    `hour` is UTC (2026-11-21T12), `model` the one that was asked for. Of calls that differ, `basis` and `zone` name
    each once, in order, with a plus between. `exchange` is as the book has it.
    """

    hour: str
    owner: str
    project_id: str
    key_id: str
    subject: str
    model: str
    resolved_model: str
    basis: str
    zone: str
    method: str
    exchange: str


class Sums(Struct, frozen=True):
    """Figures of requests, exact; a sum is None when no request has the figure, and leaves out those that lack it.

    `unknown` counts requests that lack their tokens, euros or footprint; the `_known` counts those that have the
    figure; `carbon_tokens` are the output tokens of those with a footprint. `failed` ended `error` or `unknown`.
    `input_eur` and `output_eur` are of requests served by one model alone, and then add up to their cost. `heard` and
    `spoken` count upstream calls: those that transcribed `audio_s` seconds, and those that spoke `characters`.
    """

    requests: int = 0
    failed: int = 0
    unknown: int = 0
    carbon_known: int = 0
    carbon_tokens: int = 0
    energy_known: int = 0
    embodied_known: int = 0
    water_known: int = 0
    heard: int = 0
    spoken: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    characters: int | None = None
    cost_eur: Decimal | None = None
    input_eur: Decimal | None = None
    output_eur: Decimal | None = None
    emissions_kg: Decimal | None = None
    emissions_min_kg: Decimal | None = None
    emissions_max_kg: Decimal | None = None
    embodied_kg: Decimal | None = None
    energy_kwh: Decimal | None = None
    water_liters: Decimal | None = None
    audio_s: Decimal | None = None


NOTHING = Sums()
UPSERT_HOUR = upsert("usage_hours", (*Place._fields, *Sums.__struct_fields__), key=len(Place._fields), rank=2)


class HoursDraft(Struct, frozen=True):
    """Sums as they will be once a transaction is in, and the rows of `UPSERT_HOUR` that it writes."""

    sums: dict[Place, Sums]
    rows: list[Row]


class Hours:
    """The running sums of one process, whose rows no other process writes.

    Args:
        owner: Unique among all processes that ever wrote the book.

    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._sums: dict[Place, Sums] = {}
        self._newest = ""
        self._oldest = ""
        self._late = 0

    def draft(self, entries: Iterable["Entry"]) -> HoursDraft:
        """Return the rows to write beside these entries; they are remembered once `keep` is called."""
        self._late += 1
        drafted: dict[Place, Sums] = {}
        for entry in entries:
            place = place_of(entry, self._owner)
            if place.hour < self._oldest:
                # What was summed of that hour is forgotten: a row of its own cannot overwrite it.
                place = place._replace(owner=f"{self._owner}-late-{self._late}")
            sums = drafted.get(place) or self._sums.get(place)
            drafted[place] = figures_of(entry) if sums is None else added(sums, figures_of(entry))
        return HoursDraft(drafted, [row_of(place, sums) for place, sums in drafted.items()])

    def keep(self, draft: HoursDraft) -> None:
        """Remember what a transaction wrote; forget hours that ended more than two hours before the newest."""
        newest = max((place.hour for place in draft.sums), default="")
        if newest > self._newest:
            self._newest = newest
            oldest = datetime.strptime(newest, "%Y-%m-%dT%H") - REMEMBERED  # noqa: DTZ007 - an hour without its zone
            self._oldest = oldest.isoformat()[:HOUR_LETTERS]
            self._sums = {place: sums for place, sums in self._sums.items() if place.hour >= self._oldest}
        self._sums.update({place: sums for place, sums in draft.sums.items() if place.hour >= self._oldest})


def rows_of_closed(admissions: Iterable["Admission"], owner: str) -> list[Row]:
    """Return the rows of `UPSERT_HOUR` for requests closed as `unknown`, of which no figure is known.

    Args:
        admissions: Those for which an entry is appended in the same transaction, no others.
        owner: Used by this transaction alone.

    """
    sums: dict[Place, Sums] = {}
    for each in admissions:
        hour = each.opened_at.isoformat()[:HOUR_LETTERS]
        place = Place(hour, owner, each.project_id, each.key_id or "", each.subject, each.model, "", "", "", "", "")
        sums[place] = added(sums.get(place, NOTHING), UNKNOWN)
    return [row_of(*each) for each in sums.items()]


UNKNOWN = Sums(requests=1, failed=1, unknown=1)


def place_of(entry: "Entry", owner: str) -> Place:
    """Return where an entry is counted."""
    admission, receipt = entry.admission, entry.receipt
    calls = receipt.calls
    return Place(
        admission.opened_at.isoformat()[:HOUR_LETTERS],
        owner,
        admission.project_id,
        admission.key_id or "",
        admission.subject,
        admission.model,
        receipt.resolved_model,
        calls[0].basis if len(calls) == 1 else named_once(call.basis for call in calls),
        calls[0].zone or "" if len(calls) == 1 else named_once(call.zone for call in calls),
        receipt.method,
        "" if receipt.exchange is UNSET else json.encode(receipt.exchange).decode(),
    )


def named_once(names: Iterable[str | None]) -> str:
    """Return each name once, in order, with a plus between; '' of none."""
    return "+".join(sorted({name for name in names if name}))


def figures_of(entry: "Entry") -> Sums:
    """Return the figures of one entry."""
    receipt, calls = entry.receipt, entry.receipt.calls
    usage, kg, span = receipt.usage, receipt.emissions_kg, receipt.emissions_range
    water = receipt.equivalences.water_liters
    read, generated = split(calls)
    heard = [call.audio_s for call in calls if call.audio_s is not None]
    spoken = [call.characters for call in calls if call.characters is not None]
    return Sums(
        1,
        entry.status in FAILED,
        kg is None,
        kg is not None,
        0 if kg is None else usage.output_tokens,
        receipt.energy_kwh is not None,
        receipt.embodied_kg is not None,
        water is not None,
        len(heard),
        len(spoken),
        usage.input_tokens,
        usage.output_tokens,
        sum([call.tokens.cache_read for call in calls]),
        sum(spoken) if spoken else None,
        receipt.pricing.total_cost,
        read,
        generated,
        kg,
        None if span is None else span.min,
        None if span is None else span.max,
        receipt.embodied_kg,
        receipt.energy_kwh,
        water,
        functools.reduce(EXACT.add, heard) if heard else None,
    )


def split(calls: "tuple[CallRow, ...]") -> tuple[Decimal | None, Decimal | None]:
    """Return the euros of what was read and of what was generated, where one model made every call."""
    if len(calls) == 1:
        return calls[0].input_eur, calls[0].output_eur
    if len({call.model for call in calls}) != 1:
        return None, None
    read = generated = Decimal(0)
    for call in calls:
        read, generated = EXACT.add(read, call.input_eur), EXACT.add(generated, call.output_eur)
    return read, generated


def added(one: Sums, other: Sums) -> Sums:
    """Return the figures of both."""
    return Sums(
        one.requests + other.requests,
        one.failed + other.failed,
        one.unknown + other.unknown,
        one.carbon_known + other.carbon_known,
        one.carbon_tokens + other.carbon_tokens,
        one.energy_known + other.energy_known,
        one.embodied_known + other.embodied_known,
        one.water_known + other.water_known,
        one.heard + other.heard,
        one.spoken + other.spoken,
        _more(one.input_tokens, other.input_tokens),
        _more(one.output_tokens, other.output_tokens),
        _more(one.cached_tokens, other.cached_tokens),
        _more(one.characters, other.characters),
        plus(one.cost_eur, other.cost_eur),
        plus(one.input_eur, other.input_eur),
        plus(one.output_eur, other.output_eur),
        plus(one.emissions_kg, other.emissions_kg),
        plus(one.emissions_min_kg, other.emissions_min_kg),
        plus(one.emissions_max_kg, other.emissions_max_kg),
        plus(one.embodied_kg, other.embodied_kg),
        plus(one.energy_kwh, other.energy_kwh),
        plus(one.water_liters, other.water_liters),
        plus(one.audio_s, other.audio_s),
    )


def plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Return the exact sum of what is known."""
    if other is None:
        return one
    return other if one is None else EXACT.add(one, other)


def _more(one: int | None, other: int | None) -> int | None:
    if other is None:
        return one
    return other if one is None else one + other


def row_of(place: Place, sums: Sums) -> Row:
    """Return the row of `UPSERT_HOUR`."""
    return (
        *place,
        sums.requests,
        sums.failed,
        sums.unknown,
        sums.carbon_known,
        sums.carbon_tokens,
        sums.energy_known,
        sums.embodied_known,
        sums.water_known,
        sums.heard,
        sums.spoken,
        sums.input_tokens,
        sums.output_tokens,
        sums.cached_tokens,
        sums.characters,
        _text(sums.cost_eur),
        _text(sums.input_eur),
        _text(sums.output_eur),
        _text(sums.emissions_kg),
        _text(sums.emissions_min_kg),
        _text(sums.emissions_max_kg),
        _text(sums.embodied_kg),
        _text(sums.energy_kwh),
        _text(sums.water_liters),
        _text(sums.audio_s),
    )


def _text(figure: Decimal | None) -> str | None:
    return None if figure is None else str(figure)
