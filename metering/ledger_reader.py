"""The ledger read back: its lines, and exact totals of a project."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct, field
from msgspec.json import Encoder

from metering import ledger_store
from metering.receipt import RequestStatus
from metering.usage import UsageSource

# A sum of what began as floats never needs this many digits; if one did, it is an error and not a rounded figure.
_EXACT = Context(prec=2000, traps=[Inexact])
_NOTHING = Decimal(0)
_ENCODER = Encoder(decimal_format="number")


class LedgerLine(Struct, frozen=True, kw_only=True):
    """One request as the book shows it (C-8); figures are None where they are unknown.

    `model` is the one that was asked for, `time` is when the request was settled.
    """

    request_id: str
    status: RequestStatus
    model: str
    agent: str
    input_tokens: int | None
    output_tokens: int | None
    cost_eur: Decimal | None
    emissions_kg: Decimal | None = field(name="emissions_kgCO2eq")
    usage_source: UsageSource | None
    attempts: int | None
    time: datetime
    project_id: str


class Totals(Struct, frozen=True, kw_only=True):
    """Sums over requests, exact; `unknown` counts those that lack a figure, which the sums leave out.

    A sum is None when there were requests and not one of them has the figure.
    """

    requests: int
    input_tokens: int | None
    output_tokens: int | None
    cost_eur: Decimal | None
    emissions_kg: Decimal | None = field(name="emissions_kgCO2eq")
    unknown: int


class LedgerReader:
    """Reads the book through connections of its own, beside a gateway that runs or after it died."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def read(self, since: datetime | None = None) -> Iterator[LedgerLine]:
        """Yield what was settled at `since` or later, in the order it was appended.

        Raises:
            StorageDown: The database cannot be read.

        """
        for row in ledger_store.read(self._database, _iso(since) if since else ""):
            yield _line(row)

    def totals(self, project_id: str, start: datetime, end: datetime, model: str | None = None) -> Totals:
        """Sum what a project settled from `start` on and before `end`, for one asked model or for all.

        Raises:
            StorageDown: The database cannot be read.

        """
        requests = unknown = tokens_in = tokens_out = 0
        cost = emissions = _NOTHING
        known = [0, 0, 0, 0]
        for row in ledger_store.read_figures(self._database, project_id, _iso(start), _iso(end), model):
            requests += 1
            unknown += None in row
            known = [count + (figure is not None) for count, figure in zip(known, row, strict=True)]
            tokens_in += row[0] or 0
            tokens_out += row[1] or 0
            cost = _EXACT.add(cost, Decimal(row[2] or 0))
            emissions = _EXACT.add(emissions, Decimal(row[3] or 0))
        told = [not requests or count > 0 for count in known]
        return Totals(
            requests=requests,
            input_tokens=tokens_in if told[0] else None,
            output_tokens=tokens_out if told[1] else None,
            cost_eur=cost if told[2] else None,
            emissions_kg=emissions if told[3] else None,
            unknown=unknown,
        )


def print_ledger(lines: Iterable[LedgerLine], out: BinaryIO) -> None:
    """Write one JSON object a line; decimals are numbers with all their digits."""
    out.writelines(_ENCODER.encode(line) + b"\n" for line in lines)


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _line(row: tuple[Any, ...]) -> LedgerLine:
    request_id, status, model, agent, tokens_in, tokens_out, cost, emissions, source, attempts, time, project = row
    return LedgerLine(
        request_id=request_id,
        status=status,
        model=model,
        agent=agent,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost_eur=_exact(cost),
        emissions_kg=_exact(emissions),
        usage_source=source,
        attempts=attempts,
        time=datetime.fromisoformat(time),
        project_id=project,
    )
