"""A fast fake of an OpenAI-compatible service on loopback: whole answers, burst streams, paced streams."""

import argparse
import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from time import process_time

import msgspec
import uvloop
from payload import MARK, MODELS, VARIANTS, Answer, answer, chat_events, chat_whole, receipt_events, receipt_whole
from spoil import SPOILS, WIRE_SPOILS

JSON_HEAD = "HTTP/1.1 {} OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
NOT_FOUND = JSON_HEAD.format(404, 2).encode() + b"{}"
FAILED = JSON_HEAD.format(500, 2).encode() + b"{}"
MARK_BYTES = MARK.encode()
SPOILED_ONE_IN = 10


class StreamOptions(msgspec.Struct):
    """Whether the caller wants the usage chunk."""

    include_usage: bool = False


class Asked(msgspec.Struct):
    """The part of a request that decides the answer; `messages` or `message` carry the mark."""

    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None


@dataclass(frozen=True)
class Pace:
    """Seconds from the start of a slow model's answer to its first byte, and from one event to the next."""

    first: float
    gap: float


@dataclass
class Served:
    """What upstream did, for the books to be compared with."""

    whole: int = 0
    streams: int = 0
    spoiled: int = 0
    abandoned: int = 0
    cpu_seconds: float = 0


@dataclass(frozen=True)
class Wire:
    """One answer as bytes: `body` whole, `chunks` as a stream, one HTTP chunk an event."""

    body: bytes
    chunks: list[bytes]

    @cached_property
    def burst(self) -> bytes:
        """The whole stream, to be sent in one write."""
        return SSE_HEAD + b"".join(self.chunks) + LAST_CHUNK


@dataclass(frozen=True)
class Repertoire:
    """Every answer upstream can give, prepared: right ones, and ones spoiled in the way `spoil` names."""

    spoil: str | None = None
    ready: dict[tuple[object, ...], Wire] = field(default_factory=dict)

    def wire(self, asked: Asked, variant: int, *, receipt: bool, spoiled: bool) -> Wire:
        """Return the answer to `asked`, prepared at the first call."""
        usage = asked.stream_options is not None and asked.stream_options.include_usage
        key = (asked.model, variant, usage, receipt, spoiled)
        found = self.ready.get(key)
        if found is None:
            spoil = self.spoil if spoiled else None
            given = SPOILS[spoil](answer(variant)) if spoil in SPOILS else answer(variant)
            found = self.ready[key] = _wire(given, asked, receipt=receipt, spoil=spoil)
        return found


def _wire(given: Answer, asked: Asked, *, receipt: bool, spoil: str | None) -> Wire:
    usage = asked.stream_options is not None and asked.stream_options.include_usage
    body = receipt_whole(given, asked.model) if receipt else chat_whole(given, asked.model)
    events = list(receipt_events(given, asked.model) if receipt else chat_events(given, asked.model, usage=usage))
    if spoil in {"torn", "unfinished"}:
        body = body[:-1]
        last = len(events) - (1 if receipt else 2)
        torn = [events[last].replace(b"}\n\n", b"\n\n")] if spoil == "torn" else []
        events[last : last + 1] = torn
    wire = Wire(JSON_HEAD.format(200, len(body)).encode() + body, [b"%x\r\n%s\r\n" % (len(e), e) for e in events])
    if spoil == "cut":
        return Wire(wire.body[:-40], wire.chunks[:-4])
    return Wire(FAILED, []) if spoil == "status" else wire


class Line(asyncio.Protocol):
    """One connection: requests one after the other, answers from the repertoire."""

    def __init__(self, repertoire: Repertoire, pace: Pace, served: Served) -> None:
        self.repertoire, self.pace, self.served = repertoire, pace, served
        self.loop = asyncio.get_running_loop()
        self.decoder = msgspec.json.Decoder(Asked)
        self.buffer = b""
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; uvloop sets TCP_NODELAY."""
        self.transport: asyncio.Transport = transport  # pyright: ignore[reportAttributeAccessIssue] - a TCP server's

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop pacing for a caller that left."""
        del exc
        if self.timer is not None:
            self.timer.cancel()
            self.served.abandoned += 1

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete, unless a paced answer is still under way."""
        self.buffer += data
        while self.timer is None and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].partition(b"\r\n")[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head.split(b" ", 2)[1], body)

    def answer(self, path: bytes, body: bytes) -> None:
        """Answer one request."""
        if path.endswith(b"/chat/completions") or path == b"/completion":
            self.complete(body, receipt=path == b"/completion")
        elif path in {b"/health", b"/served"}:
            self.served.cpu_seconds = process_time()
            stats = msgspec.json.encode(self.served)
            self.transport.write(JSON_HEAD.format(200, len(stats)).encode() + stats)
        else:
            self.transport.write(NOT_FOUND)

    def complete(self, body: bytes, *, receipt: bool) -> None:
        """Answer one completion request, every tenth one spoiled when so told."""
        asked = self.decoder.decode(body)
        at = body.find(MARK_BYTES) + len(MARK_BYTES)
        served = self.served
        spoiled = self.repertoire.spoil is not None and (served.whole + served.streams + 1) % SPOILED_ONE_IN == 0
        wire = self.repertoire.wire(asked, int(body[at : at + 2]) % VARIANTS, receipt=receipt, spoiled=spoiled)
        served.spoiled += spoiled
        served.streams += asked.stream
        served.whole += not asked.stream
        slow = asked.model.endswith("slow") and self.pace.first > 0
        if not wire.chunks:
            self.transport.write(wire.body)
        elif spoiled and self.repertoire.spoil == "cut":
            self.break_off(wire, asked)
        elif asked.stream and slow:
            self.later(self.pace.first, self.pacer(wire.chunks))
        elif slow:
            self.later(self.pace.first, lambda _due: self.whole_late(wire.body))
        else:
            self.transport.write(wire.burst if asked.stream else wire.body)

    def break_off(self, wire: Wire, asked: Asked) -> None:
        """Send what there is and hang up."""
        self.transport.write(SSE_HEAD + b"".join(wire.chunks) if asked.stream else wire.body)
        self.transport.close()

    def later(self, after: float, step: Callable[[float], None]) -> None:
        """Call `step` with its due time `after` seconds from now."""
        due = self.loop.time() + after
        self.timer = self.loop.call_at(due, step, due)

    def whole_late(self, body: bytes) -> None:
        """Send a slow whole answer."""
        self.timer = None
        self.transport.write(body)
        self.data_received(b"")

    def pacer(self, chunks: list[bytes]) -> Callable[[float], None]:
        """Return the step that sends the next event and plans the one after, on times that do not drift."""
        last = len(chunks) - 1
        sent = 0

        def step(due: float) -> None:
            nonlocal sent
            head, tail = (b"" if sent else SSE_HEAD), (LAST_CHUNK if sent == last else b"")
            self.transport.write(head + chunks[sent] + tail)
            sent += 1
            if sent <= last:
                self.timer = self.loop.call_at(due + self.pace.gap, step, due + self.pace.gap)
            else:
                self.timer = None
                self.data_received(b"")

        return step


async def serve(port: int, pace: Pace, spoil: str | None) -> None:
    """Serve until the process is told to stop."""
    served, repertoire = Served(), Repertoire(spoil)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(repertoire, pace, served), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Read the settings and serve."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"models: {', '.join(MODELS)}")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--first-ms", type=float, default=200, help="slow models: before the first byte")
    parser.add_argument("--gap-ms", type=float, default=5, help="slow models: between events")
    parser.add_argument("--spoil", choices=[*SPOILS, *WIRE_SPOILS], help="spoil every tenth answer in this way")
    args = parser.parse_args()
    uvloop.run(serve(args.port, Pace(args.first_ms / 1000, args.gap_ms / 1000), args.spoil))


if __name__ == "__main__":
    main()
