"""`POST /completion`: decode, admit, run, write (2.2, 2.3)."""

from asyncio import CancelledError
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

import msgspec

from accounts.gate.gate import Hold
from accounts.idempotency.store import Stored
from agents import PIPELINES, Pipeline
from agents.messages import Done, Task
from agents.providers.models import Models
from metering.ledger import Admission
from metering.meter import Meter
from metering.middleware import Receive, Scope, Send
from metering.prometheus import Metrics
from metering.receipt import Receipt
from pricing_tables.model import Model
from router.auth import Authenticator, Principal
from router.decoding import decode, read_body, require_json
from router.departure import Departure
from router.errors import Refused
from router.framing import Framing
from router.line import line_of
from router.menu import Choice, Menu
from router.metered import (
    FORESEEN,
    STOPPING,
    admission_of,
    admitted,
    caller_of,
    check_scopes,
    end_unforeseen,
    require_post,
    settle_without_answer,
    write_whole,
)
from router.order import Order
from router.projects import ProjectChoice
from router.readings import Readings
from router.replays import Keeper, Replays
from router.requests import CompletionRequest, check
from router.turnstile import Turnstile
from router.writer import Writer

ROUTE = "/completion"
SURFACE = "completion"
MOST_BODY_BYTES = 1_000_000


class Completion:
    """The ASGI application behind `POST /completion`.

    Args:
        authenticator: Says who calls.
        menu: Says who answers.
        models: Returns the provider of one request, which counts on its meter.
        metrics: Where answered requests are counted.
        planner: V1's planning model, when it is not the request's own.
        projects: Says what a request is booked on.
        readings: Says which documents it reads.
        gate: Says whether limits and budgets let it in.
        replays: Knows the answers that are to be given again.

    """

    def __init__(  # noqa: PLR0913 - keywords alone, one for each thing that a request meets
        self,
        *,
        authenticator: Authenticator,
        menu: Menu,
        models: Callable[[Meter, Hold | None], Models],
        metrics: Metrics,
        planner: Model | None,
        projects: ProjectChoice,
        readings: Readings,
        gate: Turnstile,
        replays: Replays,
    ) -> None:
        self._authenticator = authenticator
        self._menu = menu
        self._models = models
        self._metrics = metrics
        self._planner = planner
        self._projects = projects
        self._readings = readings
        self._gate = gate
        self._replays = replays
        self._decoder = msgspec.json.Decoder(CompletionRequest)
        self._framings: dict[tuple[str, str], Framing] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send, meter: Meter) -> None:
        """Serve one request."""
        writer = Writer(send, meter, self._metrics, ROUTE, scope)
        try:
            await self._serve(scope, receive, writer, meter)
        except Exception as error:  # noqa: BLE001 - the last boundary: an unforeseen error must not leak either
            await end_unforeseen(error, writer, meter)

    async def _serve(self, scope: Scope, receive: Receive, writer: Writer, meter: Meter) -> None:
        order = await admitted(self._admit(scope, receive, meter), writer)
        if order is None:
            return
        writer.holds(order.hold)
        try:
            if order.task.stream:
                await self._stream(order, scope, writer, meter)
            else:
                await write_whole(self._collected(order), order.keeper, scope, writer, meter)
        finally:
            await order.end(meter)

    async def _admit(self, scope: Scope, receive: Receive, meter: Meter) -> Order | Stored:
        require_post(scope)
        headers = scope["headers"]
        principal = await caller_of(self._authenticator, scope)
        require_json(headers)
        body = await read_body(receive, headers, MOST_BODY_BYTES)
        request = decode(self._decoder, body)
        check(request)
        agent = request.agent_name()
        pipeline = _pipeline(agent)
        choice = self._menu.choose(request.model)
        check_scopes(principal, (choice.asked.name, choice.shown), agent, SURFACE)
        project_id = await self._projects.of(request, principal)
        named = request.project_id is not None
        documents = await self._readings.scope(project_id, request.sources) if named else None
        task = self._task(request, choice, project_id, self._planner_of(principal))
        admission = admission_of(principal, choice.asked, project_id, meter, route=ROUTE, agent=agent)
        if choice.warning is not None:
            meter.warn(choice.warning)
        keeper = await self._replays.claim(headers, project_id, body, meter)
        if isinstance(keeper, Stored):
            return keeper
        hold = await self._let_in(admission, task, meter, keeper)
        framing, models = self._framing(choice.shown, agent), self._models(meter, hold)
        order = Order(task, pipeline, framing, models, hold, keeper)
        reading = None if documents is None else self._readings.open(documents, models, meter)
        return order if reading is None else order.that_reads(reading, framing)

    async def _let_in(self, admission: Admission, task: Task, meter: Meter, keeper: Keeper | None) -> Hold | None:
        try:
            return await self._gate.let_in(admission, task, meter)
        except BaseException:
            if keeper is not None:
                await keeper.end()
            raise

    def _planner_of(self, principal: Principal) -> Model | None:
        """Return the planning model, unless the key may not use it: then the request's own plans."""
        if self._planner is None or principal.scopes.refusal((self._planner.name,), None, SURFACE) is not None:
            return None
        return self._planner

    def _task(self, request: CompletionRequest, choice: Choice, project_id: str, planner: Model | None) -> Task:
        return Task(
            message=request.message,
            model=choice.model,
            history=request.turns(),
            sampling=request.sampling(),
            stream=request.stream,
            planner=planner,
            project_id=project_id,
            sources=request.sources,
            user=request.user,
        )

    def _framing(self, model: str, agent: str) -> Framing:
        framing = self._framings.get((model, agent))
        if framing is None:
            framing = self._framings[model, agent] = Framing(model, agent)
        return framing

    async def _collected(self, order: Order) -> Callable[[Receipt], bytes]:
        """Collect the stream into one body."""
        pieces: list[str] = []
        async with aclosing(order.events()) as events:
            async for event in events:
                if not isinstance(event, Done):
                    pieces += event.pieces
        order.framing.before_body()
        return partial(order.framing.body, "".join(pieces), order.turns)

    async def _stream(self, order: Order, scope: Scope, writer: Writer, meter: Meter) -> None:
        """Write whole events as they come; settle, then write the last one."""
        error: Exception | None = None
        kept = None if order.keeper is None else order.keeper.blocks
        async with Departure(line_of(scope), writer.keep_alive, writer.last_write) as client:
            try:
                async with aclosing(order.events()) as events:
                    async for event in events:
                        if not isinstance(event, Done):
                            await writer.pieces(order.framing, event.pieces, kept)
            except FORESEEN as failure:
                # Its traceback holds this frame and all that came of the answer: they would wait for the collector.
                error = failure.with_traceback(None)
            except CancelledError:
                if client.gone:
                    raise
                # The server is stopping: the stream ends with an error event, not with a cut.
                error = STOPPING
        if client.gone:
            await settle_without_answer(meter, "client_gone")
            return
        if error is not None and not writer.started:
            await settle_without_answer(meter, "error")
            await writer.refuse(error)
            return
        await writer.last(order.framing, order.turns, error, order.keeper)


def _pipeline(agent: str) -> Pipeline:
    pipeline = PIPELINES.get(agent)
    if pipeline is None:
        raise Refused("agent_not_found", "« agent » doit être V1 ou V2", param="agent")
    return pipeline
