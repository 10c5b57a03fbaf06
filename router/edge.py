"""The HTTP edge: uvicorn's protocol with bounds on heads, slow senders and readers that stop reading (C-9, C-10)."""

import asyncio
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from metering.middleware import new_request_id
from router.errors import Refused, answer_to
from router.line import LINE
from router.realtime.wire import ROUTE, upgraded

MOST_HEADERS = 100
MOST_HEAD_BYTES = 32_768
HEAD_WITHIN_S = 10.0
MOST_THROWN_AWAY_BYTES = 4 << 20  # of a body whose answer is already out
READ_WITHIN_S = 30.0  # a reader that takes nothing for so long is dropped
HOP_BY_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})
BODIED = frozenset({b"content-length", b"transfer-encoding"})
VERSIONS = frozenset({"1.0", "1.1"})
SOCKETS = frozenset({ROUTE.encode()})  # the paths whose GET may become a WebSocket, written in no other way


class EdgeProtocol(HttpToolsProtocol):
    """One connection whose head must be small, prompt and sane, and whose reader must read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start a connection."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._head_bytes = 0
        self._in_head = True
        self._in_body = False
        self._thrown_away_bytes = 0
        self._offers = False
        self._refused = False
        self._departure: Callable[[], None] | None = None
        self._read_timer: TimerHandle | None = None
        self._head_timer: TimerHandle | None = self.loop.call_later(HEAD_WITHIN_S, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection, and tell whoever serves it."""
        if self._departure is not None:
            self._departure()
        self._stop_head_timer()
        self.resume_writing()
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Forget the request: it, its response and the connection hold each other, and the collector need not look."""
        for name in ("cycle", "scope", "headers", "flow"):
            setattr(self, name, None)
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, as often as it stops at an offer, and count what a head takes until it is complete."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        began_before = self._in_head
        rest = self._feed(data)
        while rest:
            rest = self._feed(rest)
        if self._in_head and not self._refused and not self.transport.is_closing():
            self._head_bytes += len(data) if began_before else 0
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(Refused("headers_too_large"))
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._head_is_late)

    def _feed(self, data: bytes | memoryview) -> memoryview | None:
        """Feed the parser; return what comes after an offer of another protocol that was declined."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            return self._answer_offer(memoryview(data)[offer.args[0] :])
        except httptools.HttpParserError:
            self._refuse(Refused("invalid_request", "ce n'est pas du HTTP valide"))
        return None

    def _answer_offer(self, rest: memoryview) -> memoryview | None:
        """Become what is offered, or read the request anew without its offer; return what is to be read after it."""
        if self._refused:
            return None
        if not self._offers_socket():
            self._decline()
            return None if self._refused else rest
        head = b"GET %s HTTP/1.1\r\n%s\r\n" % (self.url, b"".join(b"%s: %s\r\n" % pair for pair in self.headers))
        if upgraded(self, head, bytes(rest)):
            self._depart()
        else:
            fault = "ce n'est pas une poignée de main WebSocket (RFC 6455)"
            self._refuse(Refused("invalid_request", fault, source="header", headers={"Sec-WebSocket-Version": "13"}))
        return None

    def _offers_socket(self) -> bool:
        """Whether this is the beginning of a WebSocket of ours, and nothing is being answered on this connection."""
        wanted = [value.lower() for name, value in self.headers if name == b"upgrade"]
        cycle = cast("Any", self.cycle)
        return (
            wanted == [b"websocket"]
            and self.url.partition(b"?")[0] in SOCKETS
            and self.url.isascii()
            and cast("Any", self.parser).get_method() == b"GET"
            and cast("Any", self.parser).get_http_version() == "1.1"
            and not any(name in BODIED for name, _ in self.headers)
            and (cycle is None or cycle.response_complete)
            and self._read_timer is None
        )

    def _depart(self) -> None:
        """Leave the connection to another protocol."""
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self._let_go()

    def _decline(self) -> None:
        """Decline an offer of another protocol by going on in this one: the parser would take the body for it."""
        kept = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in HOP_BY_HOP]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self.headers):
            kept.append(b"connection: close\r\n")
        parser = cast("Any", self.parser)
        version = parser.get_http_version().encode()
        head = b"%s %s HTTP/%s\r\n%s\r\n" % (parser.get_method(), self.url, version, b"".join(kept))
        self.parser = httptools.HttpRequestParser(self)
        self._feed(head)

    def watch(self, departure: Callable[[], None] | None) -> None:
        """Call `departure` if the client leaves; None ends that."""
        self._departure = departure
        if departure is not None and self.transport.is_closing():
            self.loop.call_soon(departure)

    def write_chunk(self, block: bytes) -> bool:
        """Write a chunk of the response that has started; return whether the reader keeps up."""
        flow = cast("FlowControl | None", self.flow)
        if flow is None or self.transport.is_closing():
            return True
        self.transport.write(b"%x\r\n%b\r\n" % (len(block), block))
        return not flow.write_paused

    async def drained(self) -> None:
        """Wait until the reader has caught up, or is gone."""
        flow = cast("FlowControl | None", self.flow)
        if flow is not None:
            await flow.drain()

    def on_message_begin(self) -> None:
        """Start a request."""
        self._in_head = True
        super().on_message_begin()
        # What is not in the ASGI specification goes by the extensions, whose type lists its own alone.
        cast("dict[str, Any]", self.scope)["extensions"] = {LINE: self}

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head breaks a bound."""
        self._in_head = False
        self._head_bytes = 0
        self._stop_head_timer()
        refusal = self._fault_of_head()
        if refusal is not None:
            self._refuse(refusal)
            return
        self._offers = self.parser.should_upgrade()
        if not self._offers:
            self._in_body = True
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, or throw it away if the answer is out, up to a bound."""
        if self._refused:
            return
        super().on_body(body)
        if cast("Any", self.cycle).response_complete:
            self._thrown_away_bytes += len(body)
            if self._thrown_away_bytes > MOST_THROWN_AWAY_BYTES:
                self.transport.close()

    def on_message_complete(self) -> None:
        """Take the end of the request."""
        if self._refused or self._offers:
            return
        self._in_body = False
        if not self.pipeline:
            # A long body stopped it, and nobody asks for more of one that is whole: who leaves would not be seen.
            self.flow.resume_reading()
        super().on_message_complete()
        if cast("Any", self.cycle).response_complete:
            self._stop_head_timer()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """Wait for the next request; the rest of a body that was answered early is thrown away, but not for ever."""
        super().on_response_complete()
        if self._in_body and cast("Any", self.cycle).response_complete and not self.transport.is_closing():
            self._thrown_away_bytes = 0
            self._stop_head_timer()
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)

    def _fault_of_head(self) -> Refused | None:
        headers = self.headers
        if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > MOST_HEAD_BYTES:
            return Refused("headers_too_large")
        if cast("Any", self.parser).get_method() == b"CONNECT":
            return Refused("method_not_allowed")
        version = cast("Any", self.parser).get_http_version()
        hosts = sum(name == b"host" for name, _ in headers)
        if version not in VERSIONS or hosts > 1 or (hosts == 0 and version == "1.1"):
            return Refused("invalid_request", "il faut HTTP/1.1 et un seul en-tête Host", param="Host", source="header")
        return None

    def _refuse(self, refusal: Refused) -> None:
        """Write an error and close; the request never reaches the application."""
        self._refused = True
        self._stop_head_timer()
        cycle = cast("Any", self.cycle)
        if cycle is not None and not cycle.response_complete:
            # An earlier request of this connection is being answered: what is written now would pass for its answer.
            self.transport.close()
            return
        answer = answer_to(refusal, new_request_id())
        body = answer.body
        lines = [STATUS_LINE[answer.status], *(name + b": " + value + b"\r\n" for name, value in answer.headers)]
        self.transport.write(b"".join([*lines, b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body), body]))
        self.transport.close()

    def _head_is_late(self) -> None:
        self._head_timer = None
        cycle = cast("Any", self.cycle)  # None before the first request, whatever uvicorn's annotation says
        if self._in_head and (cycle is None or cycle.response_complete):
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def pause_writing(self) -> None:
        """Start the clock of a reader that stopped reading."""
        super().pause_writing()
        if self._read_timer is None:
            self._read_timer = self.loop.call_later(READ_WITHIN_S, self._drop)

    def resume_writing(self) -> None:
        """Stop that clock: it reads again."""
        super().resume_writing()
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _drop(self) -> None:
        self._read_timer = None
        cast("Any", self.transport).abort()
