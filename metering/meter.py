"""The meter of one request: opened first, read anywhere, settled exactly once."""

import asyncio
import time
from asyncio import Future
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from metering.audio import MOST_INSTRUCTIONS, likely_heard, likely_spoken, most_written
from metering.bound import Bound, Size, bound_of
from metering.call import Call
from metering.held import Held
from metering.ledger import Admission, Entry, Kept, Ledger, Remaining
from metering.prometheus import Metrics
from metering.receipt import Receipt, RequestStatus
from metering.reckoning import A_THOUSAND, Circumstances, Scale, receipt_of, weigh
from metering.tokens import Tokens
from metering.usage import Usage
from storage.errors import StorageDown, UnitRefused

DRAIN_WITHIN_S = 10.0
Keep = Callable[[Receipt], Kept]


class Books:
    """Where every meter of the process writes: scales, ledger and metrics.

    Args:
        scales: By model name.
        ledger: Where requests are admitted and appended.
        metrics: Where they are counted.
        tokens: Counts what no provider counted.

    Attributes:
        requests: How many metered requests came to this process.

    """

    def __init__(self, scales: dict[str, Scale], ledger: Ledger, metrics: Metrics, tokens: Tokens) -> None:
        self.scales = scales
        self.ledger = ledger
        self.metrics = metrics
        self.tokens = tokens
        self.settling: set[Future[Remaining | None]] = set()
        self.served: set[Meter] = set()
        self.requests = 0

    async def drain(self) -> None:
        """Wait until every request that is being served is settled and in the book, for ten seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_WITHIN_S):
                # A request that was told to stop needs some turns of the loop to end its calls.
                while self.served or self.settling:  # noqa: ASYNC110 - once, at the end; an event would cost each request
                    await asyncio.sleep(0.01)


class Meter:
    """Counts one request from its first byte to its last.

    A request that was never admitted reached no provider: settling it writes nothing.
    """

    __slots__ = (
        "_admission",
        "_books",
        "_calls",
        "_durable",
        "_first_text",
        "_held",
        "_keep",
        "_receipt",
        "_remaining",
        "_started",
        "_stream",
        "_warnings",
        "request_id",
    )

    def __init__(self, books: Books, request_id: str) -> None:
        self._books = books
        self._started = time.perf_counter()
        self._admission: Admission | None = None
        self._stream = False
        self._calls: list[Call] = []
        self._warnings: list[str] = []
        self._first_text: float | None = None
        self._receipt: Receipt | None = None
        self._durable: Future[Remaining | None] | None = None
        self._remaining: Remaining | None = None
        self._held: Held | None = None
        self._keep: Keep | None = None
        self.request_id = request_id

    @property
    def is_open(self) -> bool:
        """Whether an admitted request still owes its row."""
        return self._admission is not None and self._durable is None

    @property
    def receipt(self) -> Receipt | None:
        """The receipt, once the request is settled."""
        return self._receipt

    @property
    def calls(self) -> int:
        """How many upstream calls were begun."""
        return len(self._calls)

    @property
    def tokens(self) -> int:
        """How many tokens were read and generated; 0 until the request is settled."""
        return 0 if self._receipt is None else self._receipt.usage.total_tokens

    @property
    def remaining(self) -> Remaining | None:
        """What its budgets have left, once the request is settled; None without budgets."""
        return self._remaining

    @property
    def answered(self) -> bool:
        """Whether any text has left for the client."""
        return self._first_text is not None

    def bound(self, size: Size, longest_s: float, opened_at: datetime) -> Bound:
        """Return the most that one call of this size can consume, given up after so many seconds.

        It is at the prices of the day when the request came, at which it is settled.
        """
        return bound_of(self._books.scales[size.model], size, opened_at.date(), longest_s)

    def admit(self, admission: Admission, *, stream: bool, held: Held | None = None) -> None:
        """Write down that the request is let in, before anything is asked of a provider.

        Args:
            admission: Who asks what.
            stream: Whether the answer comes bit by bit.
            held: What was reserved for it, given back when it is settled.

        Raises:
            StorageDown: The book cannot take it; nothing may be asked.

        """
        self._books.ledger.admit(admission)
        self._admission = admission
        self._stream = stream
        self._held = held

    def consumed(self, call: Call) -> Bound | None:
        """Return what a call that has ended will be charged, None where its provider did not count its tokens."""
        if call.usage is None or self._admission is None:
            return None
        row = weigh(call, self._books.scales[call.model.name], self._admission.opened_at.date()).row
        grams = None if row.kg is None else row.kg * A_THOUSAND
        return Bound(row.cost_eur, grams, call.usage.input_tokens + call.usage.output_tokens)

    def begin(self, call: Call) -> None:
        """Count an upstream call that begins now."""
        self._calls.append(call)

    def warn(self, code: str) -> None:
        """Add a warning to the receipt."""
        self._warnings.append(code)

    def text_went_out(self) -> None:
        """Note the first text that left for the client."""
        if self._first_text is None:
            self._first_text = round(time.perf_counter() - self._started, 6)

    def keep(self, row: Keep) -> None:
        """Have one more row written with the entry, made from the receipt: the answer itself, to be given again."""
        self._keep = row

    async def settle(self, status: RequestStatus) -> Receipt:
        """Compute the receipt and return it once its row is safe on disk.

        The first status counts. Cancelling the caller cancels its wait, never the settlement.

        Raises:
            StorageDown: The row could not be written in time; it stays queued and will be, unless the book has one
                of this request already.

        """
        if self._durable is None:
            if any(call.usage is None for call in self._calls):
                self._durable = asyncio.ensure_future(self._estimate_then_close(status))
            else:
                self._durable = self._close(status)
            self._books.settling.add(self._durable)
            self._durable.add_done_callback(self._books.settling.discard)
        try:
            self._remaining = await asyncio.shield(self._durable)
        except UnitRefused as cause:
            # This process was taken for dead, and the request closed as unknown.
            raise StorageDown(str(cause)) from cause
        assert self._receipt is not None  # noqa: S101 - set by _close before the row is queued
        return self._receipt

    def _close(self, status: RequestStatus) -> Future[Remaining | None]:
        """Reckon, count and queue the row, in one step that cannot be interrupted."""
        assert self._admission is not None  # noqa: S101 - only admitted requests are settled
        now = datetime.now(UTC)
        latency_s = round(time.perf_counter() - self._started, 6)
        # The day of the admission: what was reserved at its prices is charged at them.
        day = self._admission.opened_at.date()
        weighed = [weigh(call, self._books.scales[call.model.name], day) for call in self._calls]
        told = Circumstances(
            request_id=self.request_id,
            resolved_model=_answerer(self._calls, self._admission.model),
            latency_s=latency_s,
            ttft_s=self._first_text if self._stream else None,
            warnings=tuple(self._warnings),
        )
        receipt = self._receipt = receipt_of(weighed, self._calls, told)
        self._books.metrics.count_receipt(receipt, self._admission.agent, status, stream=self._stream)
        self._count_failures()
        kept = None if self._keep is None else self._keep(receipt)
        # What makes it knows the writer of the answer, which knows this meter.
        self._keep = None
        return self._books.ledger.append(
            Entry(
                admission=self._admission,
                settled_at=now,
                status=status,
                stream=self._stream,
                receipt=receipt,
                held=self._held,
                kept=kept,
            )
        )

    def _count_failures(self) -> None:
        for call in self._calls:
            if call.failure is not None:
                self._books.metrics.upstream_errors.labels(call.model.provider, call.failure).inc()

    async def _estimate_then_close(self, status: RequestStatus) -> Remaining | None:
        for call in self._calls:
            if call.usage is None:
                call.abandoned()
                call.usage = await self._estimate(call)
        return await self._close(status)

    async def _estimate(self, call: Call) -> Usage:
        """Count what went in and came out; what a provider counted in silence, such as reasoning, is not in it."""
        tokens = self._books.tokens
        if call.audio_s is not None or call.characters is not None:
            return await self._estimate_audio(call)
        if call.model.kind == "chat":
            read = await tokens.count_prompt(call.model.tokenizer, call.asked)
        else:
            # Texts to embed stand alone: no template frames them.
            read = await tokens.count(call.model.tokenizer, [text for _, text in call.asked])
        generated = await tokens.count(call.model.tokenizer, [call.text])
        self.warn("usage-estimated" if call.refusal is None else f"usage-refused: {call.refusal}")
        if "bytes" in (read.source, generated.source):
            self.warn("usage-counted-by-bytes")
        # No provider generates more than it was allowed to, however its text is cut here.
        written = generated.tokens if call.max_tokens is None else min(generated.tokens, call.max_tokens)
        return Usage(input_uncached=read.tokens, output_visible=written, source="estimated")

    async def _estimate_audio(self, call: Call) -> Usage:
        """Count what was heard or spoken: what was sent is owed, however much of it came back."""
        tokens, model = self._books.tokens, call.model
        self.warn("usage-estimated" if call.refusal is None else f"usage-refused: {call.refusal}")
        if model.audio_tokens_s == 0:
            return Usage(audio_s=call.audio_s, characters=call.characters, source="estimated")
        read = await tokens.count(model.tokenizer, [text for _, text in call.asked])
        if call.audio_s is None:
            characters = call.characters or 0
            spoken = likely_spoken(model, characters, call.sound_s)
            return Usage(
                input_uncached=read.tokens, audio_output=spoken, characters=call.characters, source="estimated"
            )
        written = await tokens.count(model.tokenizer, [call.text])
        if written.source == "bytes":
            self.warn("usage-counted-by-bytes")
        return Usage(
            input_uncached=min(read.tokens, MOST_INSTRUCTIONS),
            audio_input=likely_heard(model, call.audio_s),
            output_visible=min(written.tokens, most_written(model)),
            audio_s=call.audio_s,
            source="estimated",
        )


def _answerer(calls: Sequence[Call], asked: str) -> str:
    """Return who gave the answer: the last chat model that was called, else the last model of any kind."""
    for call in reversed(calls):
        if call.model.kind == "chat":
            return call.model.name
    return calls[-1].model.name if calls else asked
