"""The other end of a session: it is told events and sent sound, as fast as it keeps up."""

from msgspec import Struct

from metering.middleware import Send
from router.framing import as_json


class Told(Struct, frozen=True):
    """An event."""

    type: str
    payload: Struct


class SocketClient:
    """A client behind a WebSocket; see `agents.voice.turns.Client`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._closed = False
        self.accepted = False

    async def accept(self, subprotocol: str | None) -> None:
        """Accept the connection."""
        await self._out({"type": "websocket.accept", "subprotocol": subprotocol})
        self.accepted = True

    async def tell(self, kind: str, payload: Struct) -> None:
        """Send an event; wait while the client does not keep up.

        Raises:
            ConnectionError: It is gone.

        """
        await self._out({"type": "websocket.send", "text": as_json(Told(kind, payload)).decode()})

    async def sound(self, pcm: bytes) -> None:
        """Send a frame of sound; else as `tell`."""
        await self._out({"type": "websocket.send", "bytes": pcm})

    async def close(self, code: int, reason: str) -> None:
        """Close; else as `tell`."""
        await self._out({"type": "websocket.close", "code": code, "reason": reason})
        self._closed = True

    async def _out(self, message: dict[str, object]) -> None:
        if self._closed:
            raise ConnectionResetError
        try:
            await self._send(message)
        except OSError as cause:  # as ASGI has it for a client that is gone
            raise ConnectionResetError from cause
