"""Turns of a session: each let in, metered and settled like a completion (2.6.2, 2.6.4)."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from msgspec import Struct

from accounts.gate.gate import Hold
from agents import PIPELINES
from agents.audio.clip import Clip
from agents.messages import Sampling, Task
from agents.providers.models import Models
from agents.providers.sizes import hearing
from agents.voice.turns import Ask
from metering.ledger import Admission
from metering.meter import Books, Meter
from metering.middleware import new_request_id
from pricing_tables.model import Model
from router.audio_menu import AudioMenu
from router.auth import Principal
from router.errors import Refused
from router.menu import Choice, Menu
from router.metered import admission_of, check_scopes
from router.projects import ProjectChoice
from router.readings import Readings
from router.realtime.entrance import SURFACE
from router.realtime.telling import Telling
from router.realtime.turn import SocketTurn, warn_of
from router.realtime.wire import ROUTE
from router.requests import DEFAULT_AGENT, DEFAULT_MODEL, DEFAULT_TEMPERATURE
from router.turnstile import Turnstile

SAMPLING = Sampling(DEFAULT_TEMPERATURE)


class Desk(Struct, frozen=True, kw_only=True):
    """What every turn of a process meets.

    Attributes:
        menu: Says who answers.
        audio: Says who hears and who speaks.
        models: Returns the provider of one turn, which counts on its meter.
        planner: V1's planning model, when it is not the turn's own.
        projects: Says what a turn is booked on.
        readings: Says which documents it reads.
        gate: Says whether limits and budgets let it in.
        books: Where it is written down.

    """

    menu: Menu
    audio: AudioMenu
    models: Callable[[Meter, Hold | None], Models]
    planner: Model | None
    projects: ProjectChoice
    readings: Readings
    gate: Turnstile
    books: Books


class SocketTurns:
    """The turns of one session; see `agents.voice.turns.Turns`.

    Args:
        desk: What they meet.
        principal: Returns who speaks, now; raises `unauthorized` once nobody does.

    """

    def __init__(self, desk: Desk, principal: Callable[[], Awaitable[Principal]]) -> None:
        self._desk = desk
        self._principal = principal

    @asynccontextmanager
    async def open(self, ask: Ask, text: str | None, clip: Clip | None) -> AsyncGenerator[SocketTurn]:
        """Open a turn; see the Protocol."""
        books = self._desk.books
        meter = Meter(books, new_request_id())
        telling = Telling(meter, books.metrics)
        books.metrics.inflight.inc()
        # A graceful stop waits for what is in here.
        books.served.add(meter)
        books.requests += 1
        turn: SocketTurn | None = None
        try:
            with telling:
                turn = await self._let_in(ask, text, clip, telling)
            yield turn
        finally:
            books.metrics.inflight.dec()
            telling.count()
            try:
                if turn is not None:
                    await turn.end("client_gone" if isinstance(sys.exception(), asyncio.CancelledError) else "error")
            finally:
                books.served.discard(meter)

    async def _let_in(self, ask: Ask, text: str | None, clip: Clip | None, telling: Telling) -> SocketTurn:
        desk, meter = self._desk, telling.meter
        principal = await self._principal()
        agent = ask.agent or DEFAULT_AGENT
        choice = self._choose(ask, agent, principal)
        project_id = await desk.projects.named(ask.project_id or principal.project_id, principal)
        scope = None if ask.project_id is None else await desk.readings.scope(project_id, ask.sources)
        task = Task(
            message=text or "",
            model=choice.model,
            sampling=SAMPLING,
            stream=True,
            planner=self._planner_of(principal),
            project_id=project_id,
            sources=ask.sources,
        )
        admission = admission_of(principal, choice.asked, project_id, meter, route=ROUTE, agent=agent)
        warn_of(choice, meter)
        hold = await self._admit(admission, task, clip, meter)
        models = desk.models(meter, hold)
        reading = None if scope is None else desk.readings.open(scope, models, meter)
        task = msgspec.structs.replace(task, reading=reading)
        return SocketTurn(
            shown=choice.shown, agent=agent, task=task, models=models, hold=hold, audio=desk.audio, telling=telling
        )

    def _choose(self, ask: Ask, agent: str, principal: Principal) -> Choice:
        if agent not in PIPELINES:
            raise Refused("agent_not_found", "« agent » doit être V1 ou V2", param="agent")
        choice = self._desk.menu.choose(ask.model or DEFAULT_MODEL)
        check_scopes(principal, (choice.asked.name, choice.shown), agent, SURFACE)
        return choice

    async def _admit(self, admission: Admission, task: Task, clip: Clip | None, meter: Meter) -> Hold | None:
        """Admit a turn by its first call: the answer to a text, or the transcription of what was said."""
        if clip is None:
            return await self._desk.gate.let_in(admission, task, meter)
        model = self._desk.audio.transcription().model
        return await self._desk.gate.let_in_call(admission, model, hearing(model, clip.seconds), meter)

    def _planner_of(self, principal: Principal) -> Model | None:
        """Return the planning model, unless the key may not use it: then the turn's own plans."""
        planner = self._desk.planner
        if planner is None or principal.scopes.refusal((planner.name,), None, SURFACE) is not None:
            return None
        return planner
