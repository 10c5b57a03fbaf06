"""`POST /transcription/meeting`: take a meeting in, admit it for its duration, hear it, write its minutes (2.4.2)."""

import re
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial

from msgspec import Struct

from accounts.gate.gate import Hold
from accounts.idempotency.store import Stored
from agents.audio.layout import text_of, text_unmade
from agents.audio.minutes import minutes_of
from agents.audio.parts import Part, parts_of
from agents.meeting import Progress, Tell, hear
from agents.messages import Transcript
from agents.providers.models import Models
from metering.meter import Meter
from metering.middleware import Receive, Scope, Send
from metering.receipt import Receipt
from router.accepted import EVENTS, JSON, accepts_events
from router.audio_desk import AudioDesk
from router.auth import Principal
from router.departure import Departure
from router.errors import Refused, refusal_of
from router.language import LANGUAGE, agreed_language, asked_language
from router.line import line_of
from router.menu import Choice
from router.metered import (
    FORESEEN,
    STOPPING,
    admission_of,
    admitted,
    caller_of,
    check_scopes,
    end_unforeseen,
    give_back,
    require_post,
    settle_without_answer,
    write_whole,
)
from router.minuted import MeetingFraming, Minuted, body_of, minuted
from router.replays import Keeper
from router.routes.transcription import MOST_AT_ONCE, MOST_S, OVERLAP_S, SURFACE
from router.writer import Writer

ROUTE = "/transcription/meeting"
AGENT = "meeting"
MOST_MB = 200
PROJECT, LONGEST = "project_id", "max_duration_seconds"
USUAL_S = 3_600
WHOLE = re.compile(r"[0-9]{1,6}")


class Order(Struct, frozen=True, kw_only=True):
    """A meeting that was let in: who hears it, who writes its minutes, and whether its answer comes as events."""

    ears: Choice
    scribe: Choice
    language: str | None
    seconds: float
    parts: Sequence[Part]
    models: Models
    hold: Hold | None
    keeper: Keeper | None
    streamed: bool

    async def answer(self, room: AsyncExitStack, meter: Meter, tell: Tell) -> Minuted:
        """Hear it and write its minutes; what lies on the disk is gone as soon as it is heard."""
        async with room:
            transcript = await hear(self.parts, self.ears.model, self.language, self.models, MOST_AT_ONCE, tell)
        await tell(Progress("minutes", self.seconds))
        text = await self._minutes(transcript, meter)
        return minuted(text, transcript, self.seconds, self.ears.shown)

    async def body(self, room: AsyncExitStack, meter: Meter) -> Callable[[Receipt], bytes]:
        """Do the same, and return what makes the one body."""
        return partial(body_of, await self.answer(room, meter, _tell_nobody))

    async def end(self, meter: Meter) -> None:
        """Give back what was not used, and let a next try run where there was no answer."""
        await give_back(self.hold, self.keeper, meter)

    async def _minutes(self, transcript: Transcript, meter: Meter) -> str:
        """Return the minutes; without them a transcript that is paid for is worth its price still."""
        try:
            minutes = await minutes_of(transcript, self.scribe.model, self.models)
        except FORESEEN as error:
            meter.warn(f"minutes-unavailable: {refusal_of(error).code}")
            return text_unmade(transcript.language)
        if minutes.unread:
            meter.warn(f"minutes-incomplete: {minutes.unread}")
        return text_unmade(transcript.language) if 0 < minutes.stretches == minutes.unread else text_of(minutes)


class Meeting:
    """The ASGI application behind `POST /transcription/meeting`.

    Args:
        desk: What recordings meet.

    """

    def __init__(self, desk: AudioDesk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send, meter: Meter) -> None:
        """Serve one request."""
        writer = Writer(send, meter, self._desk.metrics, ROUTE, scope)
        try:
            async with AsyncExitStack() as room:
                await self._serve(scope, receive, writer, meter, room)
        except Exception as error:  # noqa: BLE001 - the last boundary: an unforeseen error must not leak either
            await end_unforeseen(error, writer, meter)

    async def _serve(self, scope: Scope, receive: Receive, writer: Writer, meter: Meter, room: AsyncExitStack) -> None:
        order = await admitted(self._admit(scope, receive, meter, room), writer)
        if order is None:
            return
        writer.holds(order.hold)
        try:
            if order.streamed:
                await _stream(order, room, scope, writer, meter)
            else:
                await write_whole(order.body(room, meter), order.keeper, scope, writer, meter)
        finally:
            await order.end(meter)

    async def _admit(self, scope: Scope, receive: Receive, meter: Meter, room: AsyncExitStack) -> Order | Stored:
        require_post(scope)
        principal = await caller_of(self._desk.authenticator, scope)
        ears, scribe = self._chosen(principal, meter)
        asked = asked_language(scope)
        # What it is booked on may come after its file: until it is known, its place is among those of its caller.
        names = (LANGUAGE, PROJECT, LONGEST)
        sending = self._desk.recordings.sent(scope, receive, principal.project_id, MOST_MB, names)
        sent = await room.enter_async_context(sending)
        language, most_s = agreed_language(asked, sent.fields), _most_seconds(sent.fields)
        project_id = await self._desk.projects.named(sent.fields.get(PROJECT, principal.project_id), principal)
        streamed = accepts_events(scope["headers"])
        told = sent.identity(language or "", str(most_s), EVENTS if streamed else JSON)
        keeper = await self._desk.replays.claim(scope["headers"], project_id, told, meter)
        if isinstance(keeper, Stored):
            return keeper
        try:
            recording = await self._desk.recordings.decoded(sent, most_s, scope)
            parts = parts_of(recording, ears.model.max_audio_s or MOST_S, OVERLAP_S)
            admission = admission_of(principal, ears.asked, project_id, meter, route=ROUTE, agent=AGENT)
            # What the minutes will read is not known before it is heard: their calls are covered as they come.
            hold = await self._desk.let_in(admission, ears.model, parts, meter, stream=streamed)
        except BaseException:
            if keeper is not None:
                await keeper.end()
            raise
        return Order(
            ears=ears,
            scribe=scribe,
            language=language,
            seconds=float(recording.seconds),
            parts=parts,
            models=self._desk.models(meter, hold),
            hold=hold,
            keeper=keeper,
            streamed=streamed,
        )

    def _chosen(self, principal: Principal, meter: Meter) -> tuple[Choice, Choice]:
        """Return who hears and who writes the minutes, if the caller may use both."""
        ears, scribe = self._desk.menu.meeting(), self._desk.menu.minutes()
        for choice in (ears, scribe):
            check_scopes(principal, (choice.asked.name, choice.shown), None, SURFACE)
            if choice.warning is not None:
                meter.warn(choice.warning)
        return ears, scribe


async def _stream(order: Order, room: AsyncExitStack, scope: Scope, writer: Writer, meter: Meter) -> None:
    """Write how far it is, then settle, then write the event with the answer."""
    framing = MeetingFraming(order.ears.shown, AGENT, order.seconds)
    kept = None if order.keeper is None else order.keeper.blocks
    error: Exception | None = None

    async def tell(progress: Progress) -> None:
        if progress.text:
            meter.text_went_out()
        await writer.blocks(framing.events(progress), kept)

    async with Departure(line_of(scope), writer.keep_alive, writer.last_write) as client:
        try:
            await tell(Progress("decoded", 0.0))
            framing.answer = await order.answer(room, meter, tell)
        except FORESEEN as failure:
            error = failure.with_traceback(None)  # which holds this frame
        except CancelledError:
            if client.gone:
                raise
            # The server is stopping: the stream ends with an error event, not with a cut.
            error = STOPPING
    if client.gone:
        await settle_without_answer(meter, "client_gone")
        return
    await writer.last(framing, 0, error, order.keeper)


async def _tell_nobody(progress: Progress) -> None:
    del progress


def _most_seconds(fields: Mapping[str, str]) -> int:
    told = fields.get(LONGEST, str(USUAL_S))
    if WHOLE.fullmatch(told) is None or not 1 <= int(told) <= MOST_S:
        reason = f"« {LONGEST} » doit être un nombre entier de 1 à {MOST_S}"
        raise Refused("invalid_request", reason, param=LONGEST)
    return int(told)
