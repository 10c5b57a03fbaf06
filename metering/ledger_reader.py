"""The ledger read back, line by line."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

from msgspec import Struct, field
from msgspec.json import Encoder

from metering.receipt import RequestStatus
from metering.usage import UsageSource
from storage.script import Database, Query, Rows, Script

AT_A_TIME = 1000  # entries
_READ = f"""
    SELECT position, request_id, status, model, agent, input_tokens, output_tokens, cost_eur, emissions_kg,
           usage_source, attempts, settled_at, project_id, key_id
    FROM ledger WHERE position > ? AND settled_at >= ? ORDER BY position LIMIT {AT_A_TIME}
"""  # noqa: S608 - a number of ours
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
    key_id: str | None


class LedgerReader:
    """Reads the book beside a gateway that runs or after it died."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, since: datetime | None = None) -> AsyncIterator[LedgerLine]:
        """Yield what was settled at `since` or later, in the order it was appended.

        The book is read some entries at a time, so it may be of any length; what is appended meanwhile is read too.

        Raises:
            StorageDown: The database cannot be read.

        """
        moment = _iso(since) if since else ""
        position, found = 0, AT_A_TIME
        while found == AT_A_TIME:
            rows = await self._database.read(partial(_next, moment, position))
            for row in rows:
                yield _line(row[1:])
            found = len(rows)
            position = rows[-1][0] if rows else position


def _next(since: str, position: int) -> Script[Rows]:
    return (yield Query(_READ, (position, since)))


async def print_ledger(lines: AsyncIterable[LedgerLine], out: BinaryIO) -> None:
    """Write one JSON object a line; decimals are numbers with all their digits."""
    async for line in lines:
        out.write(_ENCODER.encode(line) + b"\n")


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _line(row: tuple[Any, ...]) -> LedgerLine:
    request_id, status, model, agent, read, generated, cost, carbon, source, attempts, time, project, key_id = row
    return LedgerLine(
        request_id=request_id,
        status=status,
        model=model,
        agent=agent,
        input_tokens=read,
        output_tokens=generated,
        cost_eur=_exact(cost),
        emissions_kg=_exact(carbon),
        usage_source=source,
        attempts=attempts,
        time=datetime.fromisoformat(time),
        project_id=project,
        key_id=key_id,
    )
