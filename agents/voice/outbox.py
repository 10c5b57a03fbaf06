"""What waits to be sent to a client, in order: events and frames of sound, as fast as it keeps up."""

import asyncio
from collections import deque

from msgspec import Struct

from agents.voice.turns import Client

MOST = 32  # events and frames that wait before whoever makes more of them has to wait


class Outbox:
    """A queue with one sender; what is put after the client is gone is dropped."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._items: deque[tuple[str, Struct] | bytes] = deque()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._gone = False

    def tell(self, kind: str, payload: Struct) -> None:
        """Send an event when its turn comes."""
        self._put((kind, payload))

    def sound(self, pcm: bytes) -> None:
        """Send a frame of sound when its turn comes."""
        self._put(pcm)

    def hush(self) -> None:
        """Forget the frames of sound that wait."""
        self._items = deque(item for item in self._items if not isinstance(item, bytes))
        self._taken()

    async def room(self) -> None:
        """Wait until the client has taken enough of what waits."""
        await self._room.wait()

    async def sent(self) -> None:
        """Wait until nothing waits."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send until the client is gone, then return."""
        try:
            while True:
                await self._some.wait()
                await self._send()
        except ConnectionError:
            self._gone = True
            self._items.clear()
        finally:
            self._room.set()
            self._idle.set()

    async def _send(self) -> None:
        if not self._items:
            self._some.clear()
            self._idle.set()
            return
        item = self._items.popleft()
        self._taken()
        if isinstance(item, bytes):
            await self._client.sound(item)
        else:
            await self._client.tell(*item)

    def _put(self, item: tuple[str, Struct] | bytes) -> None:
        if self._gone:
            return
        self._items.append(item)
        self._some.set()
        self._idle.clear()
        if len(self._items) >= MOST:
            self._room.clear()

    def _taken(self) -> None:
        if len(self._items) < MOST:
            self._room.set()
