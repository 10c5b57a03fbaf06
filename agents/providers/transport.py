"""HTTP to one provider: pooled connections, four time limits, bounded answers."""

import asyncio
from collections.abc import AsyncIterable
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from agents.errors import ProviderDown, ProviderError, ProviderTimeout
from agents.providers.connection import Connection
from agents.providers.failure import failure
from agents.providers.pool import GRACE_S, Pool

LONGEST_BODY_BYTES = 16 << 20
LONGEST_STREAM_BYTES = 64 << 20
STALE_WITHIN_S = 1.0  # a connection closed while idle says so in a round trip; later, the request may have been at work


Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait, in seconds: to connect, for the first byte of a body, between two reads, and in all."""

    connect: Seconds = 3
    first_byte: Seconds = 60
    idle: Seconds = 30
    total: Seconds = 600


class Upstream(Struct, frozen=True):
    """Where a provider is and how to speak to it; `base_url` includes the version (`…/v1`)."""

    name: str
    base_url: str
    api_key: str | None = None
    timeouts: Timeouts = Timeouts()


class Transport:
    """Posts bodies to one provider. No redirect, cookie, proxy or header of a client passes through here.

    Raises:
        ValueError: The address is not an http(s) one, or the key has characters that no header can carry.

    """

    def __init__(self, upstream: Upstream) -> None:
        url = urlsplit(upstream.base_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError(f"{upstream.name}: the base URL is not an http or https address")
        if not (upstream.api_key or "").isprintable() or not (upstream.api_key or "").isascii():
            raise ValueError(f"{upstream.name}: the key has characters that no header can carry")
        self._base = url.path.rstrip("/")
        self._host = url.netloc.rpartition("@")[2]
        self._key = upstream.api_key
        self._timeouts = upstream.timeouts
        self._heads: dict[str, bytes] = {}
        tls = url.scheme == "https"
        port = url.port or (443 if tls else 80)
        self._pool = Pool(url.hostname, port, min(upstream.timeouts.connect, upstream.timeouts.total), tls=tls)

    async def post(self, path: str, body: bytes) -> "Answer":
        """Post a JSON body to `path` under the base URL and return the answer once its head is here.

        A kept connection that the other side had closed meanwhile is replaced once, in silence.

        Raises:
            ProviderDown: No connection, or it broke, or what came is not HTTP.
            ProviderTimeout: No connection, or no head in time.

        """
        return await self._send(self._head(path) % len(body) + body)

    async def upload(self, path: str, media_type: str, size: int, pieces: AsyncIterable[bytes]) -> "Answer":
        """Post a body of `size` bytes as fast as it is taken, as `post` does; an answer that comes earlier ends it.

        The pieces are read again when a kept connection was closed meanwhile. The first byte of the answer is waited
        for from the last piece on.
        """
        return await self._send(self._lines(path, media_type, "*/*") % size, pieces)

    async def _send(self, request: bytes, pieces: AsyncIterable[bytes] | None = None) -> "Answer":
        kept = self._pool.take()
        if kept is not None:
            answer = Answer(kept, self._pool, self._timeouts)
            if await answer.ask(request, pieces):
                return answer
            if answer.waited_s() > STALE_WITHIN_S:
                raise failure(ProviderDown, "reset", retryable=True)
        answer = Answer(await self._pool.connect(), self._pool, self._timeouts)
        if not await answer.ask(request, pieces):
            raise failure(ProviderDown, "reset", retryable=True)
        return answer

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        await self._pool.aclose()

    def _head(self, path: str) -> bytes:
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = self._lines(path, "application/json", "application/json, text/event-stream")
        return head

    def _lines(self, path: str, media_type: str, accept: str) -> bytes:
        lines = [
            f"POST {self._base}{path} HTTP/1.1",
            f"Host: {self._host}",
            *([f"Authorization: Bearer {self._key}"] if self._key else []),
            f"Content-Type: {media_type}",
            f"Accept: {accept}",
            "Accept-Encoding: identity",
            "User-Agent: routeur-ia",
        ]
        return "\r\n".join(lines).encode("latin-1").replace(b"%", b"%%") + b"\r\nContent-Length: %d\r\n\r\n"


class Answer:
    """One answer on its connection: the head, then the body as it comes.

    Reading to the end, `finish` or `close` gives the connection back; what follows the first of them is harmless.
    """

    def __init__(self, connection: Connection, pool: Pool, timeouts: Timeouts) -> None:
        self._connection = connection
        self._pool = pool
        self._timeouts = timeouts
        self._over = False
        self._bytes = 0
        self._expired: str | None = None
        self._sent = False
        self._whole = True
        self._loop = asyncio.get_running_loop()
        self._asked_at = self._loop.time()
        self._waiting_since: float | None = self._asked_at
        self._asked_until = self._asked_at
        self._timer = self._loop.call_later(min(timeouts.first_byte, timeouts.total), self._watch)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._connection.status

    @property
    def media_type(self) -> str:
        """The Content-Type header as it came; empty when absent."""
        return self._connection.content_type.decode("latin-1")

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.media_type.partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> str | None:
        """The Retry-After header as it came."""
        return self._connection.retry_after.decode("latin-1") or None

    @property
    def busy(self) -> str:
        """The X-Busy-Seconds header of the embedded provider as it came; empty when absent."""
        return self._connection.busy.decode("latin-1")

    async def ask(self, request: bytes, pieces: AsyncIterable[bytes] | None = None) -> bool:
        """Send the request and wait for the head; false when the connection died without a byte of an answer.

        Args:
            request: All of it, or what comes before the pieces.
            pieces: The rest.

        Raises:
            ProviderDown: What came is not the head of an answer.
            ProviderTimeout: None came in time.

        """
        connection = self._connection
        try:
            connection.ask(request)
            if pieces is not None:
                await self._push(pieces)
            if await connection.head():
                self._waiting_since = None
                return True
        except BaseException:
            self.close()
            raise
        self.close()
        if self._expired is None and connection.broken == "reset":
            return False
        raise self._failed(accepted=False)

    async def _push(self, pieces: AsyncIterable[bytes]) -> None:
        self._whole = False
        async for piece in pieces:
            if not await self._connection.push(piece):
                return
            self._asked_until = self._loop.time()
        self._whole = True

    def waited_s(self) -> float:
        """Return the seconds since the request."""
        return self._loop.time() - self._asked_at

    async def read(self) -> bytes:
        """Return what has come of the body, at least one byte; empty at its end.

        Raises:
            ProviderDown: The body broke off, or passed its bound.
            ProviderTimeout: Nothing came in time.

        """
        connection = self._connection
        while not (chunk := connection.take()) and not connection.is_over():
            self._waiting_since = self._loop.time()
            await connection.more()
        self._waiting_since = None
        if self._expired is not None or (not chunk and connection.broken is not None):
            raise self._failed(accepted=True)
        self._bytes += len(chunk)
        if self._bytes > LONGEST_STREAM_BYTES:
            raise failure(ProviderDown, "too_large", accepted=True)
        return chunk

    async def body(self, most_bytes: int = LONGEST_BODY_BYTES) -> bytes:
        """Return the whole body.

        Raises:
            ProviderDown: The body broke off, or passed its bound.
            ProviderTimeout: It did not come in time.

        """
        parts: list[bytes] = []
        while chunk := await self.read():
            parts.append(chunk)
            if self._bytes > most_bytes:
                raise failure(ProviderDown, "too_large", accepted=True)
            if self._connection.at_end():
                break
        self.finish()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def finish(self) -> None:
        """Read no further; the connection serves again if the rest comes within the grace, else it is closed."""
        if self._over:
            return
        if not self._whole:
            self.close()
            return
        self._over = True
        self._timer.cancel()
        if self._connection.ended:
            self._pool.give_back(self._connection)
        else:
            self._connection.on_end = self._settle
            self._timer = self._loop.call_later(GRACE_S, self._connection.abort)

    def close(self) -> None:
        """Break the connection off at once, whatever was still to come."""
        if not self._over:
            self._over = True
            self._timer.cancel()
            self._connection.abort()

    def _settle(self) -> None:
        self._timer.cancel()
        self._pool.give_back(self._connection)

    def _watch(self) -> None:
        """Break the connection when a limit has passed; else look again when the next one can pass."""
        now = self._loop.time()
        end = self._asked_at + self._timeouts.total
        if self._waiting_since is None:
            due, code = now + self._timeouts.idle, ""
        elif self._bytes == 0:
            due, code = self._asked_until + self._timeouts.first_byte, "timeout_first_byte"
        else:
            due, code = self._waiting_since + self._timeouts.idle, "timeout_idle"
        if end <= due:
            due, code = end, "timeout_total"
        if now < due:
            self._timer = self._loop.call_at(due, self._watch)
            return
        self._expired = code
        self._sent = self._whole and self._connection.all_sent()
        self._connection.abort()

    def _failed(self, *, accepted: bool) -> ProviderError:
        if self._expired is not None:
            return failure(ProviderTimeout, self._expired, accepted=accepted or self._sent)
        return failure(ProviderDown, self._connection.broken or "cut", accepted=accepted)
