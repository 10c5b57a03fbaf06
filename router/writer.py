"""Writing one response: a refusal, a body, or a stream of events, counted as it starts."""

import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from accounts.gate.gate import Hold
from accounts.idempotency.idempotency import REPLAYED
from accounts.idempotency.store import Stored
from metering.meter import Meter
from metering.middleware import Scope, Send
from metering.prometheus import Metrics
from metering.receipt import Receipt
from router.budget_headers import budget_headers
from router.families import Fault, id_headers
from router.framing import KEEP_ALIVE
from router.limit_headers import limit_headers
from router.limited import count_limited
from router.line import line_of
from router.manners import Manner, manner_of
from router.replays import Keeper
from storage.errors import StorageError

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Speaking(Protocol):
    """Whoever frames pieces of an answer."""

    def events(self, pieces: Sequence[str]) -> list[bytes]:
        """Return the events of pieces that arrived together, whole events in writes of at most 16 KB."""
        ...


class Closing(Protocol):
    """Whoever frames the end of a stream."""

    def before_last(self, meter: Meter) -> None:
        """Do what must be done before the receipt is made."""
        ...

    def last(self, turns: int, receipt: Receipt | None, fault: Fault | None) -> bytes:
        """Return the one final event: the receipt, and the error if there was one."""
        ...


class Writer:
    """Writes one response: a refusal, a body, or a stream of events."""

    def __init__(
        self, send: Send, meter: Meter, metrics: Metrics, route: str, scope: Scope, manner: Manner | None = None
    ) -> None:
        self.started = False
        self._manner = manner or manner_of(route)
        self._spoke = False
        self._send = send
        self._meter = meter
        self._metrics = metrics
        self._method: str = scope["method"]
        self._line = line_of(scope)
        self._route = route
        self._wrote_at = time.monotonic()
        self._request_ids = id_headers(meter.request_id, self._manner.family)
        self._hold: Hold | None = None

    def holds(self, hold: Hold | None) -> None:
        """Have the answer's headers tell how the limits and budgets of the request stand."""
        self._hold = hold

    def last_write(self) -> float:
        """Return when something was last written, in seconds of the monotonic clock."""
        return self._wrote_at

    async def refuse(self, error: Exception) -> None:
        """Write an error as the whole response."""
        answer = self._manner.answer_to(error, self._meter.request_id)
        body = answer.body
        headers = [*answer.headers, (b"content-length", str(len(body)).encode()), *_figures(self._meter.receipt)]
        headers += self._standing()
        count_limited(error, self._metrics)
        await self._respond(answer.status, headers, body)

    async def body(self, body: bytes, receipt: Receipt) -> None:
        """Write the JSON answer, its figures in headers too (M-11)."""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *self._request_ids,
            *_figures(receipt),
            *self._standing(),
        ]
        await self._respond(200, headers, body)

    def _standing(self) -> list[tuple[bytes, bytes]]:
        hold = self._hold
        if hold is None:
            return []
        return limit_headers(hold.verdict, self._manner.family) + budget_headers(
            self._meter.remaining or hold.remaining
        )

    async def _respond(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._metrics.count_request(self._route, self._method, status)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def kept_headers(self, receipt: Receipt) -> tuple[tuple[str, str], ...]:
        """Return the headers of the JSON answer that come again with it."""
        headers = [(b"content-type", b"application/json"), *self._request_ids, *_figures(receipt)]
        return tuple((name.decode(), value.decode()) for name, value in headers)

    async def replay(self, stored: Stored) -> None:
        """Write an answer that was given before."""
        headers = [(name.encode(), value.encode()) for name, value in (*stored.headers, REPLAYED)]
        length = (b"content-length", str(len(stored.body)).encode())
        await self._respond(stored.status, [*headers, length], stored.body)

    async def pieces(self, framing: Speaking, pieces: list[str], kept: list[bytes] | None = None) -> None:
        """Write the events of pieces that arrived together; `kept` collects them."""
        line = self._line
        for block in framing.events(pieces):
            if kept is not None:
                kept.append(block)
            if not self._spoke:
                self._spoke = True
                self._meter.text_went_out()
            if line is None or not self.started:
                await self._write(block)
                continue
            self._wrote_at = time.monotonic()
            if not line.write_chunk(block):
                await line.drained()

    async def blocks(self, blocks: Iterable[bytes], kept: list[bytes] | None = None) -> None:
        """Write events that were framed already, no faster than they are read; `kept` collects them."""
        for block in blocks:
            if kept is not None:
                kept.append(block)
            await self._write(block)

    async def keep_alive(self) -> None:
        """Write a comment, so that nothing between here and the client gives up."""
        await self._write(KEEP_ALIVE)

    async def last(self, framing: Closing, turns: int, error: Exception | None, keeper: Keeper | None = None) -> None:
        """Settle, then write the one final event and end the response."""
        receipt: Receipt | None = None
        framing.before_last(self._meter)
        if keeper is not None and error is None:
            self._keep(framing, turns, keeper)
        try:
            receipt = await self._meter.settle(
                "ok" if error is None else "partial" if self._meter.answered else "error"
            )
        except StorageError as failure:
            error = failure.with_traceback(None)  # which holds this frame
        fault = None if error is None else self._manner.fault_of(error, self._meter.request_id)
        await self._write(framing.last(turns, receipt, fault), more=False)

    def _keep(self, framing: Closing, turns: int, keeper: Keeper) -> None:
        before = b"".join(keeper.blocks)
        headers = tuple((name.decode(), value.decode()) for name, value in (*STREAM_HEADERS, *self._request_ids))
        keeper.keep(self._meter, lambda _: headers, lambda receipt: before + framing.last(turns, receipt, None))

    async def _write(self, block: bytes, *, more: bool = True) -> None:
        if not self.started:
            self.started = True
            self._metrics.count_request(self._route, self._method, 200)
            headers = [*STREAM_HEADERS, *self._request_ids, *self._standing()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self._wrote_at = time.monotonic()
        await self._send({"type": "http.response.body", "body": block, "more_body": more})


def _figures(receipt: Receipt | None) -> list[tuple[bytes, bytes]]:
    """Return the headers that carry the receipt's figures; what is unknown has none."""
    if receipt is None:
        return []
    figures = [
        (b"x-cost-eur", f"{receipt.pricing.total_cost:f}".encode()),
        (b"x-latency-s", f"{receipt.latency_s:.6f}".encode()),
    ]
    if receipt.emissions_g is not None:
        figures.append((b"x-emissions-gco2eq", f"{receipt.emissions_g:f}".encode()))
    return figures
