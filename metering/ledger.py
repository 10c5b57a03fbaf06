"""The book: one row a request that reached a provider, appended once and never edited."""

from asyncio import Future
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from msgspec import UNSET, DecodeError, Struct, json

from metering import ledger_store
from metering.hours import UPSERT_HOUR, Hours
from metering.receipt import CallRow, Receipt, RequestStatus
from storage.errors import StorageDown
from storage.group_commit import GroupCommit
from storage.journal import Journal, lines_in
from storage.owners import buried, owners
from storage.statement import Row


class Admission(Struct, frozen=True, kw_only=True):
    """A request let in, before any upstream call, in UTC; it stays open until its entry is appended."""

    request_id: str
    opened_at: datetime
    route: str
    agent: str
    model: str
    project_id: str
    subject: str
    key_id: str | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """A settled request: who asked what, how it ended and when, in UTC, and its receipt."""

    admission: Admission
    settled_at: datetime
    status: RequestStatus
    stream: bool
    receipt: Receipt


class Ledger:
    """Where requests are opened and settled; `LedgerReader` reads what is there."""

    def __init__(self, writer: GroupCommit, journal: Journal) -> None:
        self._writer = writer
        self._journal = journal
        self._hours = Hours(token_hex(8))

    @property
    def healthy(self) -> bool:
        """Whether the last write succeeded."""
        return self._writer.healthy

    def admit(self, admission: Admission) -> None:
        """Write down that a request is let in, so that a killed process cannot forget it.

        Raises:
            StorageDown: It cannot be written now, or the book could not take its entry.

        """
        if not self._writer.ready:
            raise StorageDown
        self._journal.open(admission.request_id, json.encode(admission))

    def append(self, entry: Entry) -> Future[None]:
        """Write the entry with its calls in one transaction, exactly once, and close its request.

        Returns:
            Done once the entry survives a power cut. Raises StorageDown when that takes too long: the entry then
            stays queued and is tried again. Raises UnitRefused when the book has an entry of this id.

        """
        request_id = entry.admission.request_id
        work = [(ledger_store.APPEND, _entry_row(entry))]
        work += [(ledger_store.APPEND_CALL, _call_row(request_id, *call)) for call in enumerate(entry.receipt.calls)]
        drafted = self._hours.draft([entry])
        self._hours.keep(drafted)
        work += [(UPSERT_HOUR, row) for row in drafted.rows]

        def close(settled: Future[None]) -> None:
            if not settled.cancelled() and settled.exception() is None:
                self._journal.close(request_id)

        settled = self._writer.submit(work, durable=True)
        settled.add_done_callback(close)
        return settled


def close_abandoned(database: Path, locks: Path, journals: Path) -> int:
    """Append an entry `unknown`, without figures, for each request that a dead process left open.

    Safe beside live processes and others that do the same; whoever starts calls it.

    Args:
        database: The ledger's file.
        locks: Where the processes that write it hold their locks.
        journals: Where they keep their journals, each under the name of its lock.

    Returns:
        How many requests were closed.

    Raises:
        StorageDown: The database cannot be read or written now.

    """
    closed = 0
    for owner in owners(locks) | owners(journals):
        with buried(locks, owner) as dead:
            if dead:
                journal = journals / owner
                admitted = _admissions(lines_in(journal))
                settled_at = _iso(datetime.now(UTC))
                rows = [(each, (each.request_id, *_who(each), settled_at)) for each in admitted]
                closed += ledger_store.close_as_unknown(database, rows, f"closed-{token_hex(8)}")
                journal.unlink(missing_ok=True)
    return closed


def _admissions(lines: list[bytes]) -> list[Admission]:
    """Return what can be read: a line that a power cut spoiled names nobody, and must not keep the rest open."""
    admitted: list[Admission] = []
    for line in lines:
        with suppress(DecodeError, UnicodeDecodeError):
            admitted.append(json.decode(line, type=Admission))
    return admitted


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")


def _who(admission: Admission) -> tuple[str, str, str, str, str, str, str | None]:
    return (
        _iso(admission.opened_at),
        admission.route,
        admission.agent,
        admission.model,
        admission.project_id,
        admission.subject,
        admission.key_id,
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
        json.encode(receipt.warnings).decode() if receipt.warnings else "[]",
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
