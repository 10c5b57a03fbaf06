"""The WebSocket's own wire: uvicorn's protocol with bounds on what is read ahead, slow readers and closes (2.6)."""

import asyncio
from asyncio import TimerHandle
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from router.realtime.limits import Bucket

ROUTE = "/realtime/ws"
MOST_MESSAGE_BYTES = 1_000_000  # larger ones close 1009
MOST_FRAGMENTS = 1_000  # of one message
SLICE_BYTES = 8_192  # parsed in one turn of the loop: over a thousand of the smallest frames, some ten milliseconds
READ_WITHIN_S = 30.0  # a reader that takes nothing for so long is dropped
CLOSE_WITHIN_S = 2.0  # for the other end to answer a close
CONTROLS_PER_S = 5.0  # pings and pongs: clients send one in some seconds, and none of them waits for the application
CONTROLS_BURST = 100.0
TOO_BIG = 1009
RESTARTING = 1012
STOP = {"type": "websocket.disconnect", "code": RESTARTING}  # itself, since a client may close with that code too
FLOODED = 4429
NOT_TEXT = 1007
SWITCHING = 101


class SocketProtocol(WebSocketsSansIOProtocol):
    """One upgraded connection, which reads no further than its application keeps up, in small slices."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - handed on as they are
        super().__init__(*given, **named)
        self.close_timeout = CLOSE_WITHIN_S
        self._inbox = bytearray()
        self._feeding = False
        self._lingers = False
        self._fragments = 0
        self._drop_timer: TimerHandle | None = None
        self._controls = Bucket(CONTROLS_PER_S, CONTROLS_BURST)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and parse a slice of them unless the application is behind."""
        if self._lingers:
            return
        self._inbox += data
        if not self.handshake_complete:
            self.transport.pause_reading()
        elif not self._feeding and not self.read_paused:
            self._feed()

    def _feed(self) -> None:
        self._feeding = False
        if self.disconnected or self._lingers:
            self._inbox.clear()
            return
        piece = bytes(self._inbox[:SLICE_BYTES])
        del self._inbox[:SLICE_BYTES]
        super().data_received(piece)
        if self._inbox and not self.transport.is_closing():
            self.transport.pause_reading()
        self._go_on()

    def _go_on(self) -> None:
        """Read on: what is here already first, and nothing while the other end does not read."""
        if self.read_paused or self._feeding or self.transport.is_closing():
            return
        if self._inbox:
            self._feeding = True
            self.loop.call_soon(self._feed)
        elif self.writable.is_set():
            self.transport.resume_reading()

    async def receive(self) -> Any:  # noqa: ANN401 - uvicorn's own type of events
        """Return the next event, and read on once there is no other."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as above
        """Send an event; what came before it was accepted is read then, and after a close nothing but its answer."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._go_on()
        elif message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # with an answer: else the log would call it an error of ours
        elif self.close_sent and not self.disconnected:
            self.read_paused = False
            self._go_on()

    def handle_connect(self, event: Request) -> None:
        """Begin, if this is a handshake."""
        if self.conn.accept(event).status_code == SWITCHING:
            super().handle_connect(event)

    def handle_text(self, event: Frame) -> None:
        """Take a text, or its first fragment."""
        self._fragments = 1
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Take bytes, or their first fragment."""
        self._fragments = 1
        super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a further fragment: empty ones would add up to no size."""
        self._fragments += 1
        if self._fragments <= MOST_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self.frames = []
            self.conn.fail(TOO_BIG, "too many fragments")
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        """Answer a ping, unless there are too many."""
        if self._in_measure():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take a pong, unless there are too many."""
        if self._in_measure():
            super().handle_pong(event)

    def _in_measure(self) -> bool:
        """Whether one more control frame is taken; a client that sends too many is told so once, and not heard."""
        if self._controls.take(1):
            return True
        if self.close_sent:
            self.transport.close()
        else:
            self.conn.fail(FLOODED, "too many pings")
            self.handle_parser_exception()
        return False

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message on."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            text = b"".join(self.frames)
            self.frames = [text]
            try:
                text.decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(NOT_TEXT, "not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Say why this ends, and wait a little: closed while it still sends, the other end would never read why."""
        if self.close_sent or self.transport.is_closing():
            return
        sent = self.conn.close_sent
        code = 1002 if sent is None else sent.code
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": code, "reason": "" if sent is None else sent.reason}
        )
        self.stop_keepalive()
        self.close_sent = True
        self._lingers = True
        self._inbox.clear()
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.transport.close)

    def pause_writing(self) -> None:
        """Start the clock of a reader that stopped reading, and read nothing of it meanwhile."""
        super().pause_writing()
        self.transport.pause_reading()
        if self._drop_timer is None:
            self._drop_timer = self.loop.call_later(READ_WITHIN_S, self._drop)

    def resume_writing(self) -> None:
        """Stop that clock: it reads again."""
        super().resume_writing()
        self._stop_drop_timer()
        self._go_on()

    def shutdown(self) -> None:
        """Have the application end this, which closes 1012."""
        if self.handshake_complete and not self.close_sent:
            self.queue.put_nowait(cast("Any", STOP))
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection."""
        self._stop_drop_timer()
        self._inbox.clear()
        super().connection_lost(exc)

    def _stop_drop_timer(self) -> None:
        if self._drop_timer is not None:
            self._drop_timer.cancel()
            self._drop_timer = None

    def _drop(self) -> None:
        self._drop_timer = None
        cast("Any", self.transport).abort()


def upgraded(edge: Any, head: bytes, rest: bytes) -> bool:  # noqa: ANN401 - the edge, which knows this room and not the other way
    """Hand a connection over to a WebSocket; return whether its head was one.

    Args:
        edge: The protocol that read the head.
        head: As it was read, but for its end of line.
        rest: What came after it.

    """
    transport: asyncio.Transport = edge.transport
    protocol = SocketProtocol(edge.config, edge.server_state, edge.app_state, edge.loop)
    protocol.connection_made(transport)
    protocol.conn.receive_data(head)
    protocol.handle_events()
    if not protocol.handshake_initiated:
        protocol.connections.discard(protocol)
        return False
    transport.set_protocol(protocol)
    if rest:
        protocol.data_received(rest)
    return True
