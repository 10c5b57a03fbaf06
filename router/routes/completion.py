"""`POST /completion`: decode, admit, run, write (2.2, 2.3)."""

from collections.abc import Callable

import msgspec

from accounts.gate.gate import Hold
from accounts.idempotency.store import Stored
from agents import PIPELINES, Pipeline
from agents.messages import Task
from agents.providers.models import Models
from metering.ledger import Admission
from metering.meter import Meter
from metering.middleware import Receive, Scope, Send
from metering.prometheus import Metrics
from pricing_tables.model import Model
from router.answering import answer
from router.auth import Authenticator
from router.decoding import decode, read_body, require_json
from router.errors import Refused
from router.framing import Framing
from router.menu import Choice, Menu
from router.metered import (
    admission_of,
    admitted,
    caller_of,
    check_scopes,
    end_unforeseen,
    planner_for,
    require_post,
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
        await answer(order, scope, writer, meter)

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
        task = self._task(request, choice, project_id, planner_for(principal, self._planner, SURFACE))
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


def _pipeline(agent: str) -> Pipeline:
    pipeline = PIPELINES.get(agent)
    if pipeline is None:
        raise Refused("agent_not_found", "« agent » doit être V1 ou V2", param="agent")
    return pipeline
