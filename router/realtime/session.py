"""One session: what its client sends is bounded and handed to its conversation, until one of many things ends it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from msgspec import Struct

from accounts.errors import AccountError
from agents.voice.conversation import Conversation
from agents.voice.turns import TurnRefused
from metering.middleware import Receive
from router.auth import Principal
from router.errors import Refused, fault_of, refusal_of
from router.realtime import frames
from router.realtime.client import SocketClient
from router.realtime.entrance import Anonymous, Caller
from router.realtime.frames import Sent
from router.realtime.limits import Bucket, Pace
from router.realtime.wire import FLOODED as FLOODED_CODE
from router.realtime.wire import RESTARTING, STOP
from storage.errors import StorageError

AWAY = 1001
LEAST_COST = 512  # bytes that a frame of sound counts at least: tiny ones cost as much to take
SAMPLE_BYTES = 2
NOT_ANNOUNCED = "envoyez « audio.start » avant du son"
FLOOD = Refused("rate_limited", "trop de messages sur cette connexion ; elle est fermée si cela continue")


class Ending(Struct, frozen=True):
    """Why a session ends: by a refusal, for a reason that has a close code, or, without either, by its client."""

    code: int | None = None
    reason: str = ""
    refusal: Exception | None = None


GONE = Ending()
FLOODED = Ending(FLOODED_CODE, "trop de messages")

IDLE = Ending(AWAY, "aucun message depuis trop longtemps")
LONG = Ending(AWAY, "la session a atteint sa durée maximale")
STOPPING = Ending(RESTARTING, "le service redémarre")
Shown = Callable[[str], Awaitable[Caller]]


class Session:
    """What one connection may do from its handshake on.

    Args:
        session_id: Its name.
        client: Who is told.
        receive: What it sends.
        caller: Who opened it.
        shown: Returns whose credential a later frame brought.
        pace: Its limits.

    """

    def __init__(
        self,
        *,
        session_id: str,
        client: SocketClient,
        receive: Receive,
        caller: Caller | Anonymous,
        shown: Shown,
        pace: Pace,
    ) -> None:
        self._id = session_id
        self._client = client
        self._receive = receive
        self._caller = caller
        self._shown = shown
        self._pace = pace
        self._expelled: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._texts = Bucket(pace.texts_per_s, pace.texts_burst)
        self._sound = Bucket(0, pace.sound_burst)
        self._listens = False
        self._warned = False
        self._heard_at = time.monotonic()

    async def principal(self) -> Principal:
        """Return who speaks, now; the session of one who is nobody any more ends.

        Raises:
            Refused, TooManyFailures, StorageDown: As `Caller.principal`.

        """
        try:
            return await self._caller.principal()
        except Refused as refusal:
            if not self._expelled.done():
                self._expelled.set_result(Ending(refusal=refusal))
            raise

    async def run(self, conversation: Conversation) -> Ending:
        """Hand on what the client sends until the session ends; return why."""
        await self._greet()
        working = [asyncio.ensure_future(work) for work in (self._read(conversation), self._watch())]
        try:
            ended, _ = await asyncio.wait([*working, self._expelled], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in working:
                task.cancel()
            await asyncio.wait(working)
        # Where several things end it at once, a client that is gone is told nothing.
        ending = next((each.result() for each in working if each in ended), None) or self._expelled.result()
        if ending is not GONE:
            # It is not the client that left: what was answered so far is a part of an answer.
            await conversation.interrupt()
        return ending

    async def _greet(self) -> None:
        auth = "anonymous" if isinstance(self._caller, Anonymous) else "token"
        await self._client.tell("connected", frames.Connected(self._id, auth))

    async def _watch(self) -> Ending:
        """Wait until the session is too long, too quiet, or of nobody any more."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(self._pace.look_s)
            now = time.monotonic()
            if now - began >= self._pace.session_s:
                return LONG
            if now - self._heard_at >= self._pace.idle_s:
                return IDLE
            with suppress(AccountError, StorageError):
                try:
                    await self._caller.principal()
                except Refused as refusal:
                    return Ending(refusal=refusal)

    async def _read(self, conversation: Conversation) -> Ending:
        while True:
            message: Any = await self._receive()
            if message["type"] == "websocket.disconnect":
                return STOPPING if message is STOP else GONE
            self._heard_at = time.monotonic()
            try:
                ending = await self._take(message, conversation)
            except ConnectionError:
                return GONE
            if ending is not None:
                return ending

    async def _take(self, message: Any, conversation: Conversation) -> Ending | None:  # noqa: ANN401 - of ASGI
        """Take one message; return why it is the last one, if it is."""
        text: str | None = message.get("text")
        sound: bytes = message.get("bytes") or b""
        if not self._passes(None if text is not None else sound):
            if self._warned:
                return FLOODED
            self._warned = True
            await refuse(self._client, FLOOD)
            return None
        try:
            if text is not None:
                await self._serve(*frames.read(text), conversation)
            elif self._listens:
                await conversation.hear(sound)
            else:
                await refuse(self._client, Refused("invalid_request", NOT_ANNOUNCED, param="type"))
        except Refused as refusal:
            if refusal.code == "unauthorized":
                return Ending(refusal=refusal)
            await refuse(self._client, refusal)
        except (AccountError, StorageError) as failure:
            await refuse(self._client, failure)
        except TurnRefused as refused:
            await self._client.tell("error", frames.Failure(refused.code, refused.message))
        return None

    def _passes(self, sound: bytes | None) -> bool:
        if sound is None or not self._listens:
            return self._texts.take(1)
        return self._sound.take(max(LEAST_COST, len(sound)))

    async def _serve(self, kind: str, payload: Sent, conversation: Conversation) -> None:
        match payload:
            case frames.WrittenMessage():
                if not payload.text.strip():
                    raise Refused("invalid_request", "« text » est vide", param="text")
                await conversation.message(payload.text, payload.ask())
            case frames.SoundBegins():
                await conversation.listen(payload.rate, payload.ask(), payload.format)
                self._sound.per_s = payload.rate * SAMPLE_BYTES * self._pace.sound_rate
                self._listens = True
            case frames.Offer():
                sdp = await conversation.offer(payload.sdp, payload.ask())
                await self._client.tell("answer", frames.Answer(sdp))
            case frames.CandidateInit():
                await conversation.candidate(payload.in_words())
            case frames.Credential():
                self._caller = await self._renewed(payload.token)
                await self._greet()
            case frames.Nothing():
                await self._signal(kind, conversation)

    async def _renewed(self, token: str) -> Caller:
        """Return who goes on with the session: what was said in it, and its seat, are one project's."""
        caller = await self._shown(token)
        if isinstance(self._caller, Anonymous):
            return caller
        now, before = await caller.principal(), await self._caller.principal()
        if now.project_id != before.project_id:
            raise Refused("forbidden", "ouvrez une autre session pour un autre projet", param="token")
        return caller

    async def _signal(self, kind: str, conversation: Conversation) -> None:
        if kind == "ping":
            await self._client.tell("pong", frames.Pong(time.time_ns() // 1_000_000))
        elif kind == "audio.end":
            self._listens = False
            conversation.finish()
        else:
            await conversation.interrupt()


async def refuse(client: SocketClient, error: Exception) -> None:
    """Tell a client what is wrong with what it sent."""
    refusal = refusal_of(error)
    fault = fault_of(refusal, "")
    await client.tell("error", frames.Failure(refusal.code, fault.message, refusal.param))
