"""`POST /transcription`: take a recording in, admit it for its duration, hear it, write; and which formats (2.4)."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from litestar import get
from msgspec import Struct

from accounts.gate.gate import Hold
from accounts.idempotency.store import Stored
from agents.audio.clip import Clip
from agents.audio.parts import parts_of
from agents.messages import Prompt
from agents.providers.models import Models
from agents.providers.sizes import size_of
from agents.transcription import transcribe
from metering.ledger import Admission
from metering.meter import Meter
from metering.middleware import Receive, Scope, Send
from metering.prometheus import Metrics
from metering.receipt import Receipt
from router.audio_menu import AudioMenu
from router.auth import Authenticator, Principal
from router.framing import as_json
from router.language import LANGUAGE, agreed_language, asked_language
from router.menu import Choice
from router.metered import admitted, caller_of, check_scopes, end_unforeseen, give_back, require_post, write_whole
from router.projects import ProjectChoice
from router.recordings import Recordings
from router.replays import Keeper, Replays
from router.turnstile import Turnstile
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
        authenticator: Says who calls.
        menu: Says who hears.
        models: Returns the provider of one request, which counts on its meter.
        metrics: Where answered requests are counted.
        projects: Says what a request is booked on.
        recordings: Takes them in.
        gate: Says whether limits and budgets let it in.
        replays: Knows the answers that are to be given again.

    """

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        menu: AudioMenu,
        models: Callable[[Meter, Hold | None], Models],
        metrics: Metrics,
        projects: ProjectChoice,
        recordings: Recordings,
        gate: Turnstile,
        replays: Replays,
    ) -> None:
        self._authenticator = authenticator
        self._menu = menu
        self._models = models
        self._metrics = metrics
        self._projects = projects
        self._recordings = recordings
        self._gate = gate
        self._replays = replays

    async def __call__(self, scope: Scope, receive: Receive, send: Send, meter: Meter) -> None:
        """Serve one request."""
        writer = Writer(send, meter, self._metrics, ROUTE, scope)
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
        principal = await caller_of(self._authenticator, scope)
        choice = self._menu.transcription()
        check_scopes(principal, (choice.asked.name, choice.shown), None, SURFACE)
        project_id = await self._projects.named(principal.project_id, principal)
        asked = asked_language(scope)
        sent = await room.enter_async_context(self._recordings.sent(scope, receive, project_id, MOST_MB, (LANGUAGE,)))
        language = agreed_language(asked, sent.fields)
        if choice.warning is not None:
            meter.warn(choice.warning)
        keeper = await self._replays.claim(scope["headers"], project_id, sent.identity(language or ""), meter)
        if isinstance(keeper, Stored):
            return keeper
        try:
            recording = await self._recordings.decoded(sent, MOST_S, scope)
            parts = parts_of(recording, choice.model.max_audio_s or MOST_S, OVERLAP_S)
            clips = tuple(part.clip for part in parts)
            admission = _admission(meter, choice, project_id, principal)
            prompts = [Prompt(choice.model, (), clip=clip) for clip in clips]
            calls = [(choice.model, size_of(prompt, 0)) for prompt in prompts]
            hold = await self._gate.let_in_calls(admission, calls, meter)
        except BaseException:
            if keeper is not None:
                await keeper.end()
            raise
        return Order(
            choice=choice,
            language=language,
            seconds=float(recording.seconds),
            clips=clips,
            models=self._models(meter, hold),
            hold=hold,
            keeper=keeper,
        )


def _admission(meter: Meter, choice: Choice, project_id: str, principal: Principal) -> Admission:
    return Admission(
        request_id=meter.request_id,
        opened_at=datetime.now(UTC),
        route=ROUTE,
        agent=AGENT,
        model=choice.asked.name,
        project_id=project_id,
        subject=principal.subject,
        key_id=principal.key_id,
    )
