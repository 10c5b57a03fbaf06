"""The book: one row a request that reached a provider, appended once and never edited."""

from asyncio import Future
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial

from msgspec import UNSET, DecodeError, Struct, json

from metering import ledger_store
from metering.held import Held
from metering.receipt import CallRow, Receipt, RequestStatus
from storage.clerk import Unit, Writer
from storage.errors import StorageDown
from storage.journal import Journal
from storage.script import Script
from storage.statement import Row, Statement, Work

Kept = tuple[Statement, Row]


class Admission(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request let in, before any upstream call, in UTC; it stays open until its entry is appended.

    `prompt_id` and `prompt_version` say which kept prompt it runs, if it runs one.
    """

    request_id: str
    opened_at: datetime
    route: str
    agent: str
    model: str
    project_id: str
    subject: str
    key_id: str | None = None
    prompt_id: str | None = None
    prompt_version: int | None = None


class Remaining(Struct, frozen=True):
    """What the tightest budgets of a request have left, in euros and in grams of CO2e; None where there is none."""

    eur: Decimal | None = None
    grams: Decimal | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """A settled request: who asked what, how it ended and when, in UTC, and its receipt.

    `held` is what is given back with it, `kept` one more row of the same transaction.
    """

    admission: Admission
    settled_at: datetime
    status: RequestStatus
    stream: bool
    receipt: Receipt
    held: Held | None = None
    kept: Kept | None = None

    @property
    def work(self) -> Work:
        """Its rows."""
        request_id = self.admission.request_id
        calls = enumerate(self.receipt.calls)
        work: list[Kept] = [(ledger_store.APPEND, _entry_row(self))]
        work += [(ledger_store.APPEND_CALL, _call_row(request_id, *call)) for call in calls]
        if self.kept is not None:
            work.append(self.kept)
        return work


class Ledger:
    """Where requests are opened and settled; `LedgerReader` reads what is there.

    Args:
        writer: Commits entries.
        journal: Where this process notes what it lets in; None where the database has such a list.
        release: Makes what gives back what a request held, for one whose entry is refused.

    """

    def __init__(self, writer: Writer, journal: Journal | None, release: Callable[[Held], Unit] | None = None) -> None:
        self._writer = writer
        self._journal = journal
        self._release = release

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
        if self._journal is not None:
            self._journal.open(admission.request_id, json.encode(admission))

    def append(self, entry: Entry) -> Future[Remaining | None]:
        """Write the entry with its calls in one transaction, exactly once, and close its request.

        Returns:
            What its budgets have left, once the entry survives a power cut. Raises StorageDown when that takes too
            long: the entry then stays queued and is tried again. Raises UnitRefused when the book has an entry of this
            id.

        """
        instead = None
        if entry.held is not None and self._release is not None:
            # Others closed it as unknown, so nobody knows what it used of its rates.
            instead = self._release(Held(entry.held.amounts))
        settled: Future[Remaining | None] = self._writer.submit(entry, durable=True, instead=instead)
        if self._journal is not None:
            settled.add_done_callback(partial(self._close, self._journal, entry.admission.request_id))
        return settled

    @staticmethod
    def _close(journal: Journal, request_id: str, settled: Future[Remaining | None]) -> None:
        if not settled.cancelled() and settled.exception() is None:
            journal.close(request_id)


def close_as_unknown(admitted: Sequence[Admission], settled_at: datetime) -> Script[list[Admission]]:
    """Append an entry `unknown`, without figures, for each request that has none; return those."""
    closed: list[Admission] = []
    for each in admitted:
        rows = yield ledger_store.closing((each.request_id, *_who(each), _iso(settled_at)))
        if rows:
            closed.append(each)
    return closed


def admissions_in(lines: Iterable[bytes]) -> list[Admission]:
    """Return what can be read: a line that a power cut spoiled names nobody, and must not keep the rest open."""
    admitted: list[Admission] = []
    for line in lines:
        with suppress(DecodeError, UnicodeDecodeError):
            admitted.append(json.decode(line, type=Admission))
    return admitted


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")


def _who(admission: Admission) -> Row:
    return (
        _iso(admission.opened_at),
        admission.route,
        admission.agent,
        admission.model,
        admission.project_id,
        admission.subject,
        admission.key_id,
        admission.prompt_id,
        admission.prompt_version,
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
        _text(call.audio_s),
        call.characters,
    )
