"""One HTTP/1.1 connection as a client sees it: a request out, an answer in, every length bounded."""

import asyncio
import zlib
from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MOST_HEADERS = 128
LONGEST_HEAD_BYTES = 1 << 16
PAUSE_AT_BYTES = 1 << 18
INFLATE_STEP_BYTES = 1 << 18

_FINAL = 200  # the first status that is not interim


class Connection(asyncio.Protocol):
    """A connection and what has come of the answer on it; the callbacks of the parser fill it.

    Attributes:
        status: Of the answer; 0 until its head is whole.
        content_type, retry_after, encoding, busy: Headers as they came; empty when absent.
        ended: The body is complete.
        broken: Why nothing more can come: `reset` without a head, `cut` within the answer, `malformed`; else None.
        silent: No byte of an answer has come.
        on_end: Called once when the body is complete, after nothing else came with it.
        lost: Done when the connection is gone.

    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._clogged = False
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._expect()

    def _expect(self) -> None:
        self.status = 0
        self.content_type = self.retry_after = self.encoding = self.busy = b""
        self.ended = False
        self.silent = True
        self.broken: str | None = None
        self._asked = False
        self._reusable = False
        self._until_close = True
        self._interim = False
        self._headers = 0
        self._head_bytes = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._paused = False
        self._inflate: _Inflate | None = None
        self.on_end: Callable[[], None] | None = None

    def ask(self, request: bytes) -> None:
        """Send a request; the answer to it replaces what had come before."""
        self._expect()
        self._asked = True
        if self._transport is None or self._transport.is_closing():
            self.broken = "reset"
        else:
            self._transport.write(request)

    async def push(self, piece: bytes) -> bool:
        """Send some more of a request once there is room; false when it is too late: an answer came, or the end."""
        while self._clogged and self._writable() is not None:
            await self.more()
        transport = self._writable()
        if transport is None:
            return False
        transport.write(piece)
        return True

    async def head(self) -> bool:
        """Wait for the head of the answer and tell whether it came."""
        while not self.status and self.broken is None:
            await self.more()
        return bool(self.status)

    def take(self) -> bytes:
        """Return what has come of the body and was not taken yet; empty when nothing has, or nothing can."""
        if self._inflate is not None:
            return self._inflated(self._inflate)
        return self._take()

    def is_over(self) -> bool:
        """Whether nothing more can be taken."""
        if self.broken is not None:
            return True
        if self._inflate is not None:
            return self._inflate.done
        return self.ended and not self._parts

    def more(self) -> asyncio.Future[None]:
        """Return what is done once something has changed: bytes came, the body ended, the connection broke."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            waiter = self._waiter = self._loop.create_future()
        return waiter

    def at_end(self) -> bool:
        """Whether the body is complete and read."""
        return self.ended and not self._parts and (self._inflate is None or self._inflate.done)

    def reusable(self) -> bool:
        """Whether another request may be sent: the answer ended, nothing followed it, the other side keeps it open."""
        return self.ended and self._reusable and self._transport is not None and not self._transport.is_closing()

    def all_sent(self) -> bool:
        """Whether the whole request is on its way."""
        return self._transport is None or self._transport.get_write_buffer_size() == 0

    def release(self) -> None:
        """Mark it idle: from now on any byte is one that nobody asked for."""
        self._asked = False

    def abort(self) -> None:
        """Close it at once, whatever was still to come."""
        if self._transport is not None:
            self._transport.abort()

    def _writable(self) -> asyncio.Transport | None:
        over = self.status or self.broken is not None or self._transport is None or self._transport.is_closing()
        return None if over else self._transport

    def _take(self) -> bytes:
        parts = self._parts
        if not parts:
            return b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._size = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def _inflated(self, inflate: "_Inflate") -> bytes:
        while self.broken is None and not inflate.done:
            if inflate.hungry and not self._parts:
                if self.ended:
                    self.broken = "cut"
                break
            try:
                data = inflate.step(self._take() if inflate.hungry else b"")
            except zlib.error:
                self.broken = "malformed"
                break
            if data:
                return data
        return b""

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; called by asyncio."""
        self._transport = transport  # pyright: ignore[reportAttributeAccessIssue]  # TCP and TLS transports are Transports

    def pause_writing(self) -> None:
        """Have `push` wait; called by asyncio."""
        self._clogged = True

    def resume_writing(self) -> None:
        """Let `push` go on; called by asyncio."""
        self._clogged = False
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Parse what came and wake the reader; called by asyncio."""
        if not self._asked or self._transport is None:
            # Words that nobody asked for must never be taken for the next answer.
            self.abort()
            return
        self.silent = False
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._spoil()
        if not self.status:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD_BYTES:
                self._spoil()
        if self._size > PAUSE_AT_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        if self.ended and self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Decide how the answer ended; called by asyncio."""
        self._transport = None
        # It holds this connection too, and with it what nobody read: the two would wait for the collector.
        del self._parser
        if not self.ended and self.broken is None:
            if self.status and self._until_close and exc is None:
                self.ended = True
            else:
                self.broken = "reset" if self.silent else "cut"
        if not self.lost.done():
            self.lost.set_result(None)
        self._wake()

    def _spoil(self) -> None:
        self._reusable = False
        if not self.ended and self.broken is None:
            self.broken = "malformed"
            self.abort()

    def on_message_begin(self) -> None:
        """Refuse a second answer; called by the parser, as are those below."""
        if self.ended:
            self._spoil()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the few headers that matter, count them all."""
        self._headers += 1
        if self._headers > MOST_HEADERS:
            self._spoil()
            return
        match name.lower():
            case b"content-type":
                self.content_type = value
            case b"content-length" | b"transfer-encoding":
                self._until_close = False
            case b"retry-after":
                self.retry_after = value
            case b"x-busy-seconds":
                self.busy = value
            case b"content-encoding":
                self.encoding = value.strip().lower()
            case _:
                pass

    def on_headers_complete(self) -> None:
        """Show the head, unless it is an interim one."""
        status = self._parser.get_status_code()
        self._interim = status < _FINAL
        if self._interim or self.ended or self.broken is not None:
            return
        if self.encoding in {b"gzip", b"deflate"}:
            self._inflate = _Inflate()
        elif self.encoding not in {b"", b"identity"}:
            self._spoil()
        self.status = status

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body until it is read."""
        if not self.ended:
            self._parts.append(data)
            self._size += len(data)

    def on_message_complete(self) -> None:
        """End the answer, unless it is an interim one."""
        if self._interim:
            self._headers = 0
            self._until_close = True
            return
        if self.ended:
            self._spoil()
            return
        self.ended = self.broken is None
        self._reusable = self._parser.should_keep_alive()


class _Inflate:
    """A compressed body, opened a bounded step at a time: a small one may unfold into gigabytes."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=47)  # gzip or zlib, as its first bytes say
        self._rest = b""

    @property
    def hungry(self) -> bool:
        """Whether it needs more bytes to go on."""
        return not self._rest

    @property
    def done(self) -> bool:
        """Whether all of it is open."""
        return self._inflater.eof

    def step(self, data: bytes) -> bytes:
        """Open some more, at most `INFLATE_STEP_BYTES`."""
        opened = self._inflater.decompress(self._rest + data, INFLATE_STEP_BYTES)
        self._rest = self._inflater.unconsumed_tail
        return opened
