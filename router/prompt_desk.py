"""What every run of a prompt meets, whichever route takes it: version, model, limits, and its line in the book."""

from asyncio import CancelledError
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, structs

from accounts.gate.gate import Hold
from agents import PIPELINES
from agents.errors import ModelUnavailable
from agents.messages import Task
from agents.prompts.errors import PromptUnknown
from agents.prompts.names import spelled
from agents.prompts.prompt import Config, Which
from agents.prompts.shelf import Runnable, Shelf
from agents.providers.models import Models
from metering.ledger import Admission
from metering.meter import Books, Meter
from metering.middleware import new_request_id
from metering.prometheus import Metrics
from metering.receipt import Receipt
from pricing_tables.model import Model
from router.answering import text_of
from router.auth import Authenticator, Principal
from router.errors import Refused
from router.families import F2
from router.menu import Choice, Menu
from router.metered import admission_of, check_scopes, planner_for, settle_without_answer
from router.order import Order
from router.replays import Keeper
from router.requests import DEFAULT_AGENT, DEFAULT_MODEL, DEFAULT_TEMPERATURE
from router.run_framing import RunFraming
from router.turnstile import Turnstile

SURFACE = "run"
WITHIN_S = 30.0  # of a run, all in all (3.1.6)
IN_PRODUCTION = Which()
# What a version that does not say it is run with: what `/completion` is.
DEFAULTS = Config(model=DEFAULT_MODEL, agent=DEFAULT_AGENT, temperature=DEFAULT_TEMPERATURE)


class Asked(Struct, frozen=True):
    """A run that may be let in: which version, who answers, what is asked, and who asks it."""

    runnable: Runnable
    choice: Choice
    task: Task
    principal: Principal


class Ran(Struct, frozen=True):
    """A run without a route that has ended well: its answer and its receipt."""

    output: str
    receipt: Receipt


class PromptDesk(Struct, frozen=True, kw_only=True):
    """What a route that runs prompts is given.

    Attributes:
        authenticator: Says who calls.
        menu: Says who answers.
        models: Returns the provider of one request, which counts on its meter.
        metrics: Where answered requests are counted.
        planner: V1's planning model, when it is not the version's own.
        shelf: Finds versions.
        gate: Says whether limits and budgets let a run in.
        books: Where runs without a route are written.
        within_s: After how many seconds a run is given up.

    """

    authenticator: Authenticator
    menu: Menu
    models: Callable[[Meter, Hold | None], Models]
    metrics: Metrics
    planner: Model | None
    shelf: Shelf
    gate: Turnstile
    books: Books
    within_s: float = WITHIN_S

    async def find(self, principal: Principal, name: str, which: Which = IN_PRODUCTION) -> Runnable:
        """Return a version of a prompt of the caller's project.

        Raises:
            Refused: `forbidden`: the key may not run prompts; `prompt_not_found`.
            StorageDown: It cannot be looked up now.

        """
        check_scopes(principal, (), None, SURFACE, F2)
        known = self.shelf.known(principal.project_id, name, which)
        if known is not None:
            return known
        try:
            return await self.shelf.find(principal.project_id, spelled(name), which)
        except PromptUnknown as cause:
            raise Refused("prompt_not_found", _unknown(name, which), param="promptName") from cause

    def asked(
        self, principal: Principal, runnable: Runnable, variables: Mapping[str, Any], *, stream: bool = False
    ) -> Asked:
        """Return a run of a version with its variables filled in.

        Raises:
            VariablesMissing: Naming all that are not given.
            PromptInvalid: A value is not as it must be, or a message becomes too long.
            Refused: `forbidden`: the key may not use the model, the agent or prompts at all; `run_failed`: the
                version's model is not there.

        """
        *history, last = runnable.template.filled(variables)
        choice = self.choice_for(principal, runnable)
        task = Task(
            message=last.content,
            role=last.role,
            model=choice.model,
            history=tuple(history),
            sampling=runnable.sampling,
            stream=stream,
            planner=planner_for(principal, self.planner, SURFACE),
            project_id=principal.project_id,
        )
        return Asked(runnable, choice, task, principal)

    def choice_for(self, principal: Principal, runnable: Runnable) -> Choice:
        """Return who answers for a version.

        Raises:
            Refused: `forbidden`: the key may not use the model, the agent or prompts at all; `run_failed`: the
                version's model is not there.

        """
        choice = self._choice(runnable.model)
        check_scopes(principal, (choice.asked.name, choice.shown), runnable.agent, SURFACE, F2)
        return choice

    async def let_in(self, asked: Asked, meter: Meter, route: str, keeper: Keeper | None = None) -> Order:
        """Let a run in: limits and budgets, then its line in the book, which says which version it is of.

        Args:
            asked: The run.
            meter: Of the request.
            route: As the ledger names it.
            keeper: Of its answer; ended here when the run is not let in.

        Raises:
            AccountError: A limit or budget refuses it.
            StorageDown: Nobody can tell now, or the book cannot take it.

        """
        runnable, choice = asked.runnable, asked.choice
        admission = self._admission(asked, meter, route)
        if choice.warning is not None:
            meter.warn(choice.warning)
        try:
            hold = await self.gate.let_in(admission, asked.task, meter)
        except BaseException:
            if keeper is not None:
                await keeper.end()
            raise
        framing = RunFraming(choice.shown, runnable.version)
        pipeline = PIPELINES[runnable.agent]
        return Order(asked.task, pipeline, framing, self.models(meter, hold), hold, keeper, self.within_s)

    def meter(self) -> Meter:
        """Return the meter of a run without a route."""
        return Meter(self.books, new_request_id())

    async def run(self, asked: Asked, route: str, meter: Meter) -> Ran:
        """Run for somebody who does not wait on a route of the run's own, to its end.

        Args:
            asked: The run.
            route: As the ledger names it.
            meter: Of this run alone; it has a receipt where the run was let in, however it ends.

        Raises:
            AccountError, AgentError, StorageError: As a run with a route of its own; what was used is in the book.
            Refused: `run_timeout`.

        """
        # A graceful stop waits for what is in here.
        self.books.served.add(meter)
        try:
            order = await self.let_in(asked, meter, route)
            try:
                output = await text_of(order)
                return Ran(output, await meter.settle("ok"))
            except CancelledError:
                # Whoever wanted it is gone.
                await settle_without_answer(meter, "client_gone")
                raise
            finally:
                await settle_without_answer(meter, "error")
                await order.end(meter)
        finally:
            self.books.served.discard(meter)

    def _choice(self, name: str) -> Choice:
        try:
            return self.menu.choose(name)
        except Refused as cause:
            raise Refused("run_failed", f"the model '{name}' of this version is not in the catalogue") from cause
        except ModelUnavailable as cause:
            told = f"the model '{name}' of this version cannot be called: the gateway has no key of its provider"
            raise Refused("run_failed", told) from cause

    def _admission(self, asked: Asked, meter: Meter, route: str) -> Admission:
        runnable, principal = asked.runnable, asked.principal
        model, project_id = asked.choice.asked, principal.project_id
        admission = admission_of(principal, model, project_id, meter, route=route, agent=runnable.agent)
        return structs.replace(admission, prompt_id=runnable.prompt_id, prompt_version=runnable.version)


def _unknown(name: str, which: Which) -> str:
    """Return what the seed says of a prompt that is not there (3.1.3), and the like of one version that is not."""
    if which.version is not None:
        return f"Prompt '{name}' not found or has no version {which.version}"
    if which.label is not None:
        return f"Prompt '{name}' not found or has no version labelled '{which.label}'"
    return f"Prompt '{name}' not found or has no PRODUCTION version"
