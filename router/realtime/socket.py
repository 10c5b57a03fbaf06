"""The ASGI application behind `/realtime/ws`: Origin, credential and seat, then a session (2.6)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from accounts.errors import AccountError
from agents.voice.conversation import Conversation
from agents.voice.turns import Client, Turns
from metering.middleware import Receive, Scope, Send, new_request_id
from metering.prometheus import Metrics
from router.auth import address_of
from router.errors import Refused, answer_to, log_unforeseen, refusal_of
from router.realtime import frames
from router.realtime.client import SocketClient
from router.realtime.entrance import Anonymous, Caller, Entrance, subprotocol_of
from router.realtime.limits import Pace, Seats
from router.realtime.origins import Origins
from router.realtime.session import Ending, Session, refuse
from router.realtime.turns import Desk, SocketTurns
from router.realtime.wire import ROUTE
from storage.errors import StorageError

TELL_WITHIN_S = 2.0  # why a session ends, to a client that may not read any more
# How a connection is closed after an error that ends it (2.6.3, 2.6b).
CLOSES = {"unauthorized": 4401, "forbidden": 4403, "rate_limited": 4429, "overloaded": 1013}
INTERNAL = 1011
FORESEEN = (Refused, AccountError, StorageError)


class RealtimeSocket:
    """Every session of a process.

    Args:
        entrance: Says who wants one.
        origins: Says from which pages.
        seats: Says whether there is room.
        desk: What turns meet.
        converse: Makes the conversation of a client.
        pace: The limits of each.
        metrics: Where they are counted.

    """

    def __init__(
        self,
        *,
        entrance: Entrance,
        origins: Origins,
        seats: Seats,
        desk: Desk,
        converse: Callable[[Client, Turns], Conversation],
        pace: Pace,
    ) -> None:
        self._entrance = entrance
        self._origins = origins
        self._seats = seats
        self._desk = desk
        self._converse = converse
        self._pace = pace
        self._metrics = desk.books.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        client = SocketClient(send)
        try:
            ending = await self._serve(scope, receive, client)
        except FORESEEN as refusal:
            if not client.accepted:
                await refuse_handshake(send, refusal, self._metrics)
                return
            ending = Ending(refusal=refusal)
        except ConnectionError:
            return
        except Exception as error:  # noqa: BLE001 - the last boundary: an unforeseen error must not leak either
            log_unforeseen(error, new_request_id())
            ending = Ending(refusal=Refused("internal"))
        await _end(client, ending)

    async def _serve(self, scope: Scope, receive: Receive, client: SocketClient) -> Ending:
        await receive()  # that it connects
        self._origins.check(scope["headers"])
        session_id = f"sess_{uuid4().hex}"
        caller = await self._caller(scope, receive, client, session_id)
        principal = await caller.principal()
        with self._seats.taken_by(None if principal.key_id is None else principal.project_id):
            if not client.accepted:
                await client.accept(subprotocol_of(scope))
            session = Session(
                session_id=session_id,
                client=client,
                receive=receive,
                caller=caller,
                shown=lambda token: self._entrance.shown(token, scope),
                pace=self._pace,
            )
            return await self._talk(session, client)

    async def _talk(self, session: Session, client: SocketClient) -> Ending:
        self._metrics.sessions.inc()
        try:
            async with self._converse(client, SocketTurns(self._desk, session.principal)) as conversation:
                return await session.run(conversation)
        finally:
            self._metrics.sessions.dec()

    async def _caller(
        self, scope: Scope, receive: Receive, client: SocketClient, session_id: str
    ) -> Caller | Anonymous:
        try:
            caller = await self._entrance.caller(scope)
        except Refused:
            # A page cannot read the status of a handshake: it is told by an event and a close code.
            await client.accept(subprotocol_of(scope))
            raise
        if caller is not None:
            return caller
        with self._seats.waiting(address_of(scope["client"])):
            await client.accept(None)
            await client.tell("connected", frames.Connected(session_id, "required"))
            return await self._shown(scope, receive)

    async def _shown(self, scope: Scope, receive: Receive) -> Caller:
        """Wait for the frame that brings a credential, which must be the first."""
        try:
            async with asyncio.timeout(self._pace.auth_s):
                message: Any = await receive()
        except TimeoutError as cause:
            raise Refused("unauthorized") from cause
        if message["type"] == "websocket.disconnect":
            raise ConnectionResetError
        try:
            _, payload = frames.read(message.get("text") or "")
        except Refused as cause:
            raise Refused("unauthorized") from cause
        if not isinstance(payload, frames.Credential):
            raise Refused("unauthorized")
        return await self._entrance.shown(payload.token, scope)


async def refuse_handshake(send: Send, error: Exception, metrics: Metrics) -> None:
    """Answer a handshake with an error over HTTP, in family F1."""
    answer = answer_to(error, new_request_id())
    metrics.count_request(ROUTE, "GET", answer.status)
    length = (b"content-length", str(len(answer.body)).encode())
    with suppress(OSError):  # the client did not wait for it
        start = {"type": "websocket.http.response.start", "status": answer.status, "headers": [*answer.headers, length]}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": answer.body})


async def _end(client: SocketClient, ending: Ending) -> None:
    """Tell why, and close; a client that does not read is not waited for."""
    code, refusal = ending.code, ending.refusal
    if refusal is not None:
        code = CLOSES.get(refusal_of(refusal).code, INTERNAL)
    if code is None:
        return
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(TELL_WITHIN_S):
            if refusal is not None:
                await refuse(client, refusal)
            else:
                await client.tell("closing", frames.Closing(code, ending.reason))
            await client.close(code, ending.reason)
