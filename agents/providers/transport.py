"""HTTP to one provider: pooled connections, four time limits, bounded answers; the only room of aiohttp."""

import asyncio
import errno
from weakref import WeakSet

from aiohttp import (
    ClientConnectorDNSError,
    ClientError,
    ClientRequest,
    ClientSSLError,
    ClientTimeout,
    ServerDisconnectedError,
    StreamReader,
    TCPConnector,
    hdrs,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import Struct
from yarl import URL

from agents.errors import ProviderDown, ProviderError, ProviderTimeout
from agents.providers.failure import failure

LONGEST_BODY_BYTES = 16 << 20
LONGEST_STREAM_BYTES = 64 << 20
GRACE_S = 1.0  # for the last bytes of an answer already read, so that its connection can serve again

_FINAL = 200  # the first status that is not interim
_MALFORMED = "malformed"
_RESET = "reset"
# RuntimeError is what aiohttp's reader raises when its connection went away between two reads.
_BROKEN = (ClientError, HttpProcessingError, OSError, RuntimeError)


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait, in seconds: to connect, for the first byte of a body, between two reads, and in all."""

    connect: float = 3
    first_byte: float = 60
    idle: float = 30
    total: float = 600


class Upstream(Struct, frozen=True):
    """Where a provider is and how to speak to it; `base_url` includes the version (`…/v1`)."""

    name: str
    base_url: str
    api_key: str | None = None
    timeouts: Timeouts = Timeouts()


class Transport:
    """Posts bodies to one provider. No redirect, cookie, proxy or header of a client passes through here.

    It writes on aiohttp's connections itself: the session above them costs more than the rest of a call together.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._timeouts = upstream.timeouts
        self._url = URL(upstream.base_url.rstrip("/"))
        self._key = upstream.api_key
        self._heads: dict[str, bytes] = {}
        self._pool: _Pool | None = None

    async def post(self, path: str, body: bytes) -> "Answer":
        """Post a JSON body to `path` under the base URL and return the answer once its head is here.

        A kept connection that the other side had closed meanwhile is replaced once, in silence.

        Raises:
            ProviderDown: No connection, or it broke, or what came is not HTTP.
            ProviderTimeout: No connection, or no head in time.

        """
        if self._pool is None:
            self._pool = _Pool(self._url, self._timeouts)
        request = self._head(path) % len(body) + body
        connection, used = await self._pool.take()
        try:
            return await self._send(connection, request)
        except ProviderDown as died:
            if not used or died.code != _RESET:
                raise
        return await self._send(await self._pool.take_fresh(), request)

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _send(self, connection: Connection, request: bytes) -> "Answer":
        answer = Answer(connection, self._timeouts)
        try:
            await answer.ask(request)
        except BaseException:
            answer.close()
            raise
        return answer

    def _head(self, path: str) -> bytes:
        head = self._heads.get(path)
        if head is None:
            lines = [
                f"POST {self._url.raw_path.rstrip('/')}{path} HTTP/1.1",
                f"Host: {self._url.host_port_subcomponent}",
                *([f"Authorization: Bearer {self._key}"] if self._key else []),
                "Content-Type: application/json",
                "Accept: application/json, text/event-stream",
                "Accept-Encoding: identity",
                "User-Agent: routeur-ia",
            ]
            fixed = "\r\n".join(lines).encode("latin-1").replace(b"%", b"%%")
            head = self._heads[path] = fixed + b"\r\nContent-Length: %d\r\n\r\n"
        return head


class _Pool:
    """The connections to one provider, of the loop that runs."""

    def __init__(self, url: URL, timeouts: Timeouts) -> None:
        # One hung model must not hold back another: calls are bounded at admission, not by connections.
        self._connector = TCPConnector(limit=0)
        self._target = ClientRequest("POST", url, loop=asyncio.get_running_loop())
        self._limit = ClientTimeout(connect=min(timeouts.connect, timeouts.total))
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def take(self) -> tuple[Connection, bool]:
        """Return a connection and whether it has served before."""
        while True:
            connection = await self._connect()
            protocol = _protocol(connection)
            if protocol not in self._used:
                self._used.add(protocol)
                return connection, False
            if not protocol.should_close:
                return connection, True
            # It spoke while nobody had asked: its next words could be taken for our answer.
            connection.close()

    async def take_fresh(self) -> Connection:
        """Return a new connection; a kept one was dead, so its idle siblings are not to be trusted either."""
        while True:
            connection, used = await self.take()
            if not used:
                return connection
            connection.close()

    async def aclose(self) -> None:
        await self._connector.close(abort_ssl=True)

    async def _connect(self) -> Connection:
        try:
            return await self._connector.connect(self._target, [], self._limit)
        except TimeoutError as cause:
            raise failure(ProviderTimeout, "timeout_connect") from cause
        except (ClientError, OSError) as cause:
            raise failure(ProviderDown, _why_unreachable(cause), retryable=True) from cause


class Answer:
    """One answer on its connection: the head, then the body as it comes.

    Reading to the end, `finish` or `close` gives the connection back; what follows the first of them is harmless.

    Attributes:
        status: The HTTP status.
        content_type: The media type in lower case, without parameters.
        retry_after: The Retry-After header as it came.

    """

    def __init__(self, connection: Connection, timeouts: Timeouts) -> None:
        self.status = 0
        self.content_type = ""
        self.retry_after: str | None = None
        self._connection: Connection | None = connection
        self._protocol = _protocol(connection)
        self._payload: StreamReader | None = None
        self._bytes = 0
        self._timeouts = timeouts
        self._expired: str | None = None
        self._loop = asyncio.get_running_loop()
        self._asked_at = self._loop.time()
        self._waiting_since: float | None = self._asked_at
        self._timer = self._loop.call_later(min(timeouts.first_byte, timeouts.total), self._watch)

    async def ask(self, request: bytes) -> None:
        """Write the request and wait for the head."""
        transport = self._protocol.transport
        if transport is None:
            raise failure(ProviderDown, _RESET, retryable=True)
        self._protocol.set_response_params(read_until_eof=True)
        transport.write(request)
        try:
            message, payload = await self._protocol.read()
            while message.code < _FINAL:
                message, payload = await self._protocol.read()
        except _BROKEN as cause:
            raise self._no_head(cause) from None
        self._payload = payload
        self.status = message.code
        self.content_type = message.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
        self.retry_after = message.headers.get(hdrs.RETRY_AFTER)

    async def read(self) -> bytes:
        """Return what has come of the body, at least one byte; empty at its end.

        Raises:
            ProviderDown: The body broke off, or passed its bound.
            ProviderTimeout: Nothing came in time.

        """
        payload = self._payload
        if payload is None or self._connection is None:
            return b""
        self._waiting_since = self._loop.time()
        try:
            chunk = await payload.readany()
        except _BROKEN:
            raise self._failed("cut") from None
        self._waiting_since = None
        if not chunk:
            if self._expired is not None:
                raise self._failed(self._expired)
            self.finish()
            return chunk
        self._bytes += len(chunk)
        if self._bytes > LONGEST_STREAM_BYTES:
            raise self._failed("too_large")
        return chunk

    async def body(self) -> bytes:
        """Return the whole body.

        Raises:
            ProviderDown: The body broke off, or passed its bound.
            ProviderTimeout: It did not come in time.

        """
        parts = [await self.read()]
        while self._payload is not None and not self._payload.at_eof():
            if self._bytes > LONGEST_BODY_BYTES:
                raise self._failed("too_large")
            parts.append(await self.read())
        self.finish()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def finish(self) -> None:
        """Read no further; the connection serves again if the rest comes within the grace, else it is closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._timer.cancel()
        if self._payload is None or self._payload.is_eof():
            connection.release()
            return
        self._payload.on_eof(connection.release)
        self._loop.call_later(GRACE_S, _abort, connection)

    def close(self) -> None:
        """Break the connection off at once, whatever was still to come."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._timer.cancel()
            _abort(connection)

    def _watch(self) -> None:
        """Break the connection when a limit has passed; else look again when the next one can pass."""
        now = self._loop.time()
        end = self._asked_at + self._timeouts.total
        if self._waiting_since is None:
            due, code = now + self._timeouts.idle, ""
        elif self._bytes == 0:
            due, code = self._asked_at + self._timeouts.first_byte, "timeout_first_byte"
        else:
            due, code = self._waiting_since + self._timeouts.idle, "timeout_idle"
        if end <= due:
            due, code = end, "timeout_total"
        if now < due:
            self._timer = self._loop.call_at(due, self._watch)
            return
        self._expired = code
        if self._protocol.transport is not None:
            self._protocol.transport.abort()

    def _no_head(self, cause: BaseException) -> ProviderError:
        if self._expired is not None:
            return failure(ProviderTimeout, self._expired, accepted=True)
        if isinstance(cause, HttpProcessingError):
            return failure(ProviderDown, _MALFORMED)
        if isinstance(cause, ServerDisconnectedError) and not isinstance(cause.message, str):
            # A head had begun, so the provider had taken the request: not the silence of a stale connection.
            return failure(ProviderDown, "cut")
        return failure(ProviderDown, _RESET, retryable=True)

    def _failed(self, code: str) -> ProviderError:
        if self._expired is not None:
            return failure(ProviderTimeout, self._expired, accepted=True)
        return failure(ProviderDown, code, accepted=True)


def _abort(connection: Connection) -> None:
    transport = connection.transport
    if transport is not None:
        transport.abort()
    connection.close()


def _protocol(connection: Connection) -> ResponseHandler:
    protocol = connection.protocol
    if protocol is None:
        raise failure(ProviderDown, _RESET, retryable=True)
    return protocol


def _why_unreachable(cause: Exception) -> str:
    if isinstance(cause, ClientConnectorDNSError):
        return "dns"
    if isinstance(cause, ClientSSLError):
        return "tls"
    if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
        return "refused"
    if isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "unreachable"
    return _RESET
