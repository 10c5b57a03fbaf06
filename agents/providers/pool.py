"""The open connections to one provider: opened when needed, kept while idle, closed together."""

import asyncio
import socket
import ssl
from collections import deque

from agents.errors import ProviderDown, ProviderTimeout
from agents.providers.connection import Connection
from agents.providers.failure import failure

KEEP_IDLE_S = 15.0
GRACE_S = 1.0  # for the last bytes of an answer already read, so that its connection can serve again


class Pool:
    """The connections to one provider; as many as there are calls, which are bounded at admission, not here."""

    def __init__(self, host: str, port: int, connect_s: float, *, tls: bool) -> None:
        self._host = host
        self._port = port
        self._connect_s = connect_s
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._idle: deque[tuple[Connection, float]] = deque()
        self._open: set[Connection] = set()

    def take(self) -> Connection | None:
        """Return the connection that was used last, if one is still good."""
        while self._idle:
            connection, since = self._idle.pop()
            if connection.reusable() and asyncio.get_running_loop().time() - since < KEEP_IDLE_S:
                return connection
            connection.abort()
        return None

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose answer is over, or close it."""
        if not connection.reusable():
            connection.abort()
            return
        connection.release()
        now = asyncio.get_running_loop().time()
        self._idle.append((connection, now))
        while now - self._idle[0][1] > KEEP_IDLE_S:
            self._idle.popleft()[0].abort()

    async def connect(self) -> Connection:
        """Open a connection; idle ones are tried before, so if any is left here its kind has just failed."""
        while self._idle:
            self._idle.pop()[0].abort()
        if self._tls and self._context is None:
            self._context = ssl.create_default_context()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._context)
        except TimeoutError as cause:
            raise failure(ProviderTimeout, "timeout_connect") from cause
        except (OSError, UnicodeError) as cause:
            raise failure(ProviderDown, _why_unreachable(cause), retryable=True) from cause
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    async def aclose(self) -> None:
        """Close every connection and wait until each is gone."""
        self._idle.clear()
        gone = [connection.lost for connection in self._open]
        for connection in self._open:
            connection.abort()
        if gone:
            await asyncio.wait(gone, timeout=GRACE_S)


def _why_unreachable(cause: Exception) -> str:
    if isinstance(cause, ssl.SSLError):
        return "tls"
    if isinstance(cause, socket.gaierror | UnicodeError):
        return "dns"
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    return "reset" if isinstance(cause, ConnectionError) else "unreachable"
