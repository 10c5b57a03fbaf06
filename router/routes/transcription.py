"""`POST /transcription`: take a recording in, admit it for its duration, hear it, write; and which formats (2.4)."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from litestar import get
from msgspec import Struct

from accounts.gate.gate import Hold
from accounts.idempotency.store import Stored
from agents.audio.clip import Clip
from agents.audio.parts import parts_of
from agents.providers.models import Models
from agents.transcription import transcribe
from metering.meter import Meter
from metering.middleware import Receive, Scope, Send
from metering.receipt import Receipt
from router.audio_desk import AudioDesk
from router.framing import as_json
from router.language import LANGUAGE, agreed_language, asked_language
from router.menu import Choice
from router.metered import (
    admission_of,
    admitted,
    caller_of,
    check_scopes,
    end_unforeseen,
    give_back,
    require_post,
    write_whole,
)
from router.replays import Keeper
from router.writer import Writer

ROUTE = "/transcription"
SURFACE = AGENT = "transcription"
MOST_MB = 25
MOST_S = 14_400  # of sound, four hours: the longest that a meeting may last
OVERLAP_S = 3  # of parts that no pause divides
MOST_AT_ONCE = 2  # parts of one recording: what the embedded model hears at the same time


class TranscriptionAnswer(Struct, frozen=True):
    """What is said, in which language, how long the recording lasts in seconds, under which name it was heard."""

    text: str
    language: str | None
    duration: float
    model: str
    metadata: Receipt


class SupportedFormats(Struct, frozen=True):
    """What the core document lists; ogg and flac are taken too (2.4.5, 2.4.6)."""

    supported_formats: tuple[str, ...] = ("mp3", "mp4", "mpeg", "mpga", "m4a", "wav", "webm")
    max_file_size_mb: int = MOST_MB
    model: str = "whisper-1"
    languages: str = "Auto-detection or specify ISO-639-1 code"


@get(f"{ROUTE}/supported-formats", tags=["transcription"])
async def supported_formats() -> SupportedFormats:
    """List the formats that recordings may have."""
    return SupportedFormats()


class Order(Struct, frozen=True, kw_only=True):
    """A recording that was let in."""

    choice: Choice
    language: str | None
    seconds: float
    clips: Sequence[Clip]
    models: Models
    hold: Hold | None
    keeper: Keeper | None

    async def body(self, room: AsyncExitStack) -> Callable[[Receipt], bytes]:
        """Hear it, and return what makes the answer; what lies on the disk is gone then."""
        async with room:
            heard = await transcribe(self.clips, self.choice.model, self.language, self.models, MOST_AT_ONCE)
        text, shown = heard.text.strip(), self.choice.shown
        return lambda receipt: as_json(TranscriptionAnswer(text, heard.language, self.seconds, shown, receipt))

    async def end(self, meter: Meter) -> None:
        """Give back what was not used, and let a next try run where there was no answer."""
        await give_back(self.hold, self.keeper, meter)


class Transcription:
    """The ASGI application behind `POST /transcription`.

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
            await write_whole(order.body(room), order.keeper, scope, writer, meter)
        finally:
            await order.end(meter)

    async def _admit(self, scope: Scope, receive: Receive, meter: Meter, room: AsyncExitStack) -> Order | Stored:
        require_post(scope)
        principal = await caller_of(self._desk.authenticator, scope)
        choice = self._desk.menu.transcription()
        check_scopes(principal, (choice.asked.name, choice.shown), None, SURFACE)
        project_id = await self._desk.projects.named(principal.project_id, principal)
        asked = asked_language(scope)
        sent = await room.enter_async_context(
            self._desk.recordings.sent(scope, receive, project_id, MOST_MB, (LANGUAGE,))
        )
        language = agreed_language(asked, sent.fields)
        if choice.warning is not None:
            meter.warn(choice.warning)
        keeper = await self._desk.replays.claim(scope["headers"], project_id, sent.identity(language or ""), meter)
        if isinstance(keeper, Stored):
            return keeper
        try:
            recording = await self._desk.recordings.decoded(sent, MOST_S, scope)
            parts = parts_of(recording, choice.model.max_audio_s or MOST_S, OVERLAP_S)
            admission = admission_of(principal, choice.asked, project_id, meter, route=ROUTE, agent=AGENT)
            hold = await self._desk.let_in(admission, choice.model, parts, meter)
        except BaseException:
            if keeper is not None:
                await keeper.end()
            raise
        return Order(
            choice=choice,
            language=language,
            seconds=float(recording.seconds),
            clips=tuple(part.clip for part in parts),
            models=self._desk.models(meter, hold),
            hold=hold,
            keeper=keeper,
        )
