"""The load: a closed loop of checked requests, bounded in count and time, with its figures as one JSON object."""

import argparse
import asyncio
import gc
import sys
from dataclasses import dataclass, field
from time import perf_counter_ns, process_time

import httptools
import msgspec
import uvloop
from checks import SHAPES, TOKENS, Wrong
from payload import VARIANTS

GRACE_SECONDS = 30
MS = 1_000_000
OK = 200


@dataclass(frozen=True)
class Order:
    """What to ask, of whom, how much: at most `requests` answers, none asked for after `seconds`.

    `spread_ms`: the connections start evenly over this time. `late_ms`: a longer gap between events counts as late.
    """

    port: int
    path: str
    shape: str
    model: str
    stream: bool
    connections: int
    requests: int
    seconds: float
    spread_ms: float
    late_ms: float
    headers: tuple[str, ...]

    def bytes_for(self, variant: int) -> bytes:
        """Return the request for question `variant`, head and body."""
        body = SHAPES[self.shape].request(self.model, variant, stream=self.stream)
        lines = (
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *self.headers,
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Tally:
    """What came of it, times in nanoseconds."""

    latency: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    events: int = 0
    errors: int = 0
    first_error: str | None = None
    redials: int = 0
    tokens: int = 0
    seconds: float = 0
    busy: float = 0

    def fail(self, why: str) -> None:
        """Count an answer that is not right, and keep the first reason."""
        self.errors += 1
        self.first_error = self.first_error or why


class Load:
    """The order under way."""

    def __init__(self, order: Order) -> None:
        self.order, self.tally = order, Tally()
        shape = SHAPES[order.shape]
        self.check = shape.stream if order.stream else shape.whole
        self.requests = [order.bytes_for(v) for v in range(VARIANTS)]
        self.asked = self.open = 0
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.stop_at = 0

    def next(self) -> int | None:
        """Return the next question, or None when there are none left: the connection then ends its work."""
        if self.asked < self.order.requests and perf_counter_ns() < self.stop_at:
            self.asked += 1
            return self.asked % VARIANTS
        self.leave()
        return None

    def leave(self) -> None:
        """Note that a connection has ended its work."""
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result(None)

    async def run(self) -> None:
        """Run the order."""
        order, loop = self.order, self.loop
        lines = [Line(self) for _ in range(order.connections)]
        for line in lines:
            await loop.create_connection(lambda line=line: line, "127.0.0.1", order.port)
        self.open = len(lines)
        gc.disable()  # a pause of the client would read as a gap of the gateway
        started, spent = perf_counter_ns(), process_time()
        self.stop_at = started + int(order.seconds * 1e9)
        for rank, line in enumerate(lines):
            loop.call_later(order.spread_ms / 1000 * rank / len(lines), line.ask)
        try:
            await asyncio.wait_for(self.done, order.seconds + GRACE_SECONDS)
        except TimeoutError:
            for _ in range(self.open):
                self.tally.fail(f"no answer within {GRACE_SECONDS} s")
        self.tally.seconds = (perf_counter_ns() - started) / 1e9
        self.tally.busy = (process_time() - spent) / self.tally.seconds


class Line(asyncio.Protocol):
    """One connection, one question at a time; it dials again when hung up on."""

    def __init__(self, load: Load) -> None:
        self.load, self.tally, self.stream = load, load.tally, load.order.stream
        self.variant: int | None = None
        self.body = bytearray()
        self.complete = self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport: asyncio.Transport = transport  # pyright: ignore[reportAttributeAccessIssue] - a TCP client's
        self.parser = httptools.HttpResponseParser(self)

    def ask(self) -> None:
        """Ask the next question."""
        self.variant = self.load.next()
        if self.variant is None:
            self.over = True
            self.transport.close()
            return
        self.body.clear()
        self.complete, self.counted, self.last_event = False, 0, 0
        self.sent = perf_counter_ns()
        self.transport.write(self.load.requests[self.variant])

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body."""
        self.body += piece

    def on_message_complete(self) -> None:
        """Note the end of an answer, and whether the connection outlives it: afterwards the parser has forgotten."""
        self.complete, self.lasts = True, self.parser.should_keep_alive()

    def data_received(self, data: bytes) -> None:
        """Time what arrived; check the answer when it is whole."""
        now = perf_counter_ns()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as broken:
            self.tally.fail(f"not HTTP: {broken}")
            self.variant = None
            self.transport.abort()
            return
        if self.stream:
            self.time_events(now)
        if self.complete:
            self.finish(now)

    def time_events(self, now: int) -> None:
        """Count the events that are whole; those that arrive together have no gap between them."""
        fresh = self.body.count(b"\n\n", self.counted)
        if not fresh:
            return
        self.counted = self.body.rfind(b"\n\n") + 2
        tally = self.tally
        tally.events += fresh
        if self.last_event:
            tally.gaps.append(now - self.last_event)
        else:
            tally.first.append(now - self.sent)
        tally.gaps.extend([0] * (fresh - 1))
        self.last_event = now

    def finish(self, now: int) -> None:
        """Check the answer and ask again."""
        status = self.parser.get_status_code()
        if status != OK:
            self.tally.fail(f"status {status}: {bytes(self.body[:300])!r}")
        else:
            try:
                self.load.check(self.body, self.variant)
            except (Wrong, msgspec.DecodeError, ValueError, IndexError) as wrong:
                self.tally.fail(f"{wrong} in …{bytes(self.body[-200:])!r}")
            else:
                self.tally.latency.append(now - self.sent)
                self.tally.tokens += TOKENS[self.variant]
        if self.lasts:
            self.ask()
        else:
            self.variant = None
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the answer that did not come, and dial again while there is something to ask."""
        if self.variant is not None:
            self.tally.fail(f"hung up: {exc or 'closed'} after …{bytes(self.body[-100:])!r}")
        if not self.over:
            self.redialling = self.load.loop.create_task(self.redial())

    async def redial(self) -> None:
        """Connect again and go on."""
        self.tally.redials += 1
        try:
            await self.load.loop.create_connection(lambda: self, "127.0.0.1", self.load.order.port)
        except OSError as refused:
            self.tally.fail(f"connection refused: {refused}")
            self.over = True
            self.load.leave()
            return
        self.ask()


def spread(times: list[int]) -> dict[str, float]:
    """Return percentiles, mean and maximum of `times`, in milliseconds."""
    ranked = sorted(times)
    if not ranked:
        return {}
    last = len(ranked) - 1
    at = {name: ranked[round(last * part)] / MS for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {**at, "mean": sum(ranked) / len(ranked) / MS, "max": ranked[-1] / MS}


def figures(order: Order, tally: Tally) -> dict[str, object]:
    """Return the figures of a finished load; `answered` counts right answers, `busy` is its share of a core."""
    return {
        "answered": len(tally.latency),
        "errors": tally.errors,
        "first_error": tally.first_error,
        "redials": tally.redials,
        "tokens": tally.tokens,
        "busy": tally.busy,
        "seconds": tally.seconds,
        "rps": len(tally.latency) / tally.seconds,
        "events": tally.events,
        "latency": spread(tally.latency),
        "ttft": spread(tally.first),
        "gap": {**spread(tally.gaps), "late": sum(gap > order.late_ms * MS for gap in tally.gaps)},
    }


def main() -> None:
    """Read the order, run it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/completion")
    parser.add_argument("--shape", choices=SHAPES, default="completion")
    parser.add_argument("--model", default="bench-fast")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--spread-ms", type=float, default=0)
    parser.add_argument("--late-ms", type=float, default=50)
    parser.add_argument("--header", action="append", dest="headers", default=[])
    asked = vars(parser.parse_args())
    order = Order(**{**asked, "headers": tuple(asked["headers"])})

    async def go() -> dict[str, object]:
        load = Load(order)
        await load.run()
        return figures(order, load.tally)

    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(go())) + b"\n")


if __name__ == "__main__":
    main()
