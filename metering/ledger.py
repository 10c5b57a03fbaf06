"""The book: one row a request that reached a provider, appended once and never edited."""

from asyncio import Future
from datetime import UTC, datetime
from pathlib import Path

from msgspec import UNSET, Struct, json

from metering import ledger_store
from metering.receipt import CallRow, Receipt, RequestStatus
from storage.group_commit import GroupCommit
from storage.owners import Owner, buried, owners
from storage.statement import Row


class Admission(Struct, frozen=True, kw_only=True):
    """A request let in, before any upstream call; it stays open until its entry is appended."""

    request_id: str
    opened_at: datetime
    route: str
    agent: str
    model: str
    project_id: str
    subject: str


class Entry(Struct, frozen=True, kw_only=True):
    """A settled request: who asked what, how it ended, and its receipt."""

    admission: Admission
    settled_at: datetime
    status: RequestStatus
    stream: bool
    receipt: Receipt


class Ledger:
    """Where requests are opened and settled; `LedgerReader` reads what is there."""

    def __init__(self, writer: GroupCommit, owner: Owner) -> None:
        self._writer = writer
        self._owner = owner.id

    @property
    def healthy(self) -> bool:
        """Whether the last write succeeded."""
        return self._writer.healthy

    def admit(self, admission: Admission) -> Future[None]:
        """Write down that a request is let in.

        Returns:
            Done once a killed process cannot forget the request; raises StorageDown when it cannot be written now.

        """
        row = (admission.request_id, self._owner, *_who(admission))
        return self._writer.submit(((ledger_store.OPEN, row),), durable=False)

    def append(self, entry: Entry) -> Future[None]:
        """Write the entry and close its request, in one transaction, exactly once.

        Returns:
            Done once the entry survives a power cut. While the store is down it waits and is tried again, even if
            the future is cancelled: use `asyncio.wait` with a time-out. Raises UnitRefused when the book has an
            entry of this id.

        """
        request_id = entry.admission.request_id
        work = [(ledger_store.APPEND, _entry_row(entry)), (ledger_store.CLOSE, (request_id,))]
        work += [(ledger_store.APPEND_CALL, _call_row(request_id, *call)) for call in enumerate(entry.receipt.calls)]
        return self._writer.submit(work, durable=True)


def close_abandoned(database: Path, folder: Path) -> int:
    """Append an entry `unknown`, without figures, for each request that a dead process left open.

    Safe beside live processes and others that do the same; whoever starts calls it.

    Args:
        database: The ledger's file.
        folder: Where the processes that write it hold their locks.

    Returns:
        How many requests were closed.

    Raises:
        StorageDown: The database cannot be read or written now.

    """
    closed = 0
    for owner in owners(folder) | ledger_store.owners_of_open_requests(database):
        with buried(folder, owner) as dead:
            if dead:
                closed += ledger_store.close_as_unknown(database, owner, _iso(datetime.now(UTC)))
    return closed


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _who(admission: Admission) -> tuple[str, str, str, str, str, str]:
    return (
        _iso(admission.opened_at),
        admission.route,
        admission.agent,
        admission.model,
        admission.project_id,
        admission.subject,
    )


def _text(figure: object) -> str | None:
    return None if figure is None else str(figure)


def _entry_row(entry: Entry) -> Row:
    receipt, usage, emissions = entry.receipt, entry.receipt.usage, entry.receipt.emissions_range
    return (
        entry.admission.request_id,
        *_who(entry.admission),
        _iso(entry.settled_at),
        entry.status,
        entry.stream,
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        receipt.latency_s,
        receipt.ttft_s,
        receipt.overhead_s,
        str(receipt.pricing.total_cost),
        _text(receipt.emissions_kg),
        emissions and str(emissions.min),
        emissions and str(emissions.max),
        _text(receipt.energy_kwh),
        _text(receipt.embodied_kg),
        _text(receipt.equivalences.water_liters),
        receipt.method,
        None if receipt.exchange is UNSET else json.encode(receipt.exchange).decode(),
        receipt.usage_source,
        receipt.attempts,
        receipt.resolved_model,
        json.encode(receipt.warnings).decode(),
    )


def _call_row(request_id: str, seq: int, call: CallRow) -> Row:
    tokens = call.tokens
    return (
        request_id,
        seq,
        call.model,
        call.canonical,
        call.provider,
        call.status,
        call.usage_source,
        call.upstream_s,
        call.ttft_s,
        tokens.input_uncached,
        tokens.cache_read,
        tokens.cache_write,
        tokens.output_visible,
        tokens.reasoning,
        tokens.audio_input,
        tokens.audio_output,
        str(call.cost_eur),
        str(call.input_eur),
        str(call.output_eur),
        _text(call.kg),
        _text(call.kg_min),
        _text(call.kg_max),
        _text(call.embodied_kg),
        _text(call.energy_kwh),
        _text(call.water_liters),
        call.basis,
        call.zone,
        call.busy_s,
    )
