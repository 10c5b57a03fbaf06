"""What requests of the prompt tools meet: who may use them, which model they ask, limits and budgets."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from accounts.gate.gate import Hold
from accounts.idempotency.store import Stored
from agents.messages import Sampling, Task
from agents.prompts.tools.improve import IMPROVED_TOKENS
from agents.prompts.tools.words import RULE_BASED
from agents.providers.models import Models
from metering.ledger import Admission
from metering.meter import Meter
from metering.middleware import Scope
from metering.prometheus import Metrics
from metering.receipt import Receipt
from router.auth import Authenticator, Principal
from router.errors import Refused
from router.families import Family
from router.menu import Choice
from router.metered import admission_named, give_back, lacks
from router.replays import Keeper, Replays
from router.tool_work import Reach
from router.turnstile import Turnstile

AGENT = PERMISSION = "prompt_tools"
ONE_CALL = Sampling(max_tokens=IMPROVED_TOKENS)  # how much a tool has answered at once, as a rule


Check = Callable[[], Awaitable[None]]


async def unchecked() -> None:
    """Refuse nothing."""


class Order(Struct, frozen=True):
    """A request that was let in; without `reach` the rules do the work."""

    reach: Reach | None
    hold: Hold | None
    keeper: Keeper | None

    async def end(self, meter: Meter) -> None:
        """Give back what was not used, and let a next try run where there was no answer."""
        await give_back(self.hold, self.keeper, meter)


class Job(Struct, frozen=True):
    """What a request was let in with, and its work, which returns what makes the answer of the receipt."""

    order: Order
    work: Callable[[Reach | None, Meter], Awaitable[Callable[[Receipt], bytes]]]


class ToolDesk(Struct, frozen=True, kw_only=True):
    """What each request of a prompt tool meets.

    Attributes:
        authenticator: Says who calls.
        choice: Which model the tools ask; None where none can be reached.
        models: Returns the provider of one request, which counts on its meter.
        metrics: Where answered requests are counted.
        gate: Says whether limits and budgets let it in.
        replays: Knows the answers of the route that are to be given again.
        development: Whether a token without a key may use the tools.
        require_beta: Whether the vendor's beta has to be named.

    """

    authenticator: Authenticator
    choice: Choice | None
    models: Callable[[Meter, Hold | None], Models]
    metrics: Metrics
    gate: Turnstile
    replays: Replays
    development: bool
    require_beta: bool

    def check_permission(self, principal: Principal, family: Family) -> None:
        """Refuse whoever may not use the tools: that must be given to a key by name.

        Raises:
            Refused: `forbidden`.

        """
        if principal.key_id is None:
            if not self.development:
                reason = f"use a key with the permission '{PERMISSION}', not a token"
                raise Refused(
                    "forbidden", family.choose(f"il faut une clé avec la permission « {PERMISSION} »", reason)
                )
        elif PERMISSION not in principal.scopes.permissions:
            raise lacks(PERMISSION, family)

    async def take(
        self,
        principal: Principal,
        texts: Sequence[str],
        *,
        scope: Scope,
        body: bytes,
        meter: Meter,
        route: str,
        check: Check = unchecked,
    ) -> Order | Stored:
        """Let a request in that is known to be right, or return the answer that it had before.

        Args:
            principal: Who calls.
            texts: All that a model is to read of it.
            scope: Of the request.
            body: As it was sent.
            meter: Of the request.
            route: As the ledger names it.
            check: Refuses a request that cannot be served now, unless it was before.

        Raises:
            Exception: As `check` says.
            AccountError: A limit or budget refuses it, or its Idempotency-Key cannot be used so.
            StorageDown: Nobody can tell now, or the book cannot take it.

        """
        keeper = await self.replays.claim(scope["headers"], principal.project_id, body, meter)
        if isinstance(keeper, Stored):
            return keeper
        try:
            await check()
            hold = await self._let_in(principal, texts, meter, route)
        except BaseException:
            if keeper is not None:
                await keeper.end()
            raise
        choice = self.choice
        reach = None if choice is None else Reach(choice.model, self.models(meter, hold))
        return Order(reach, hold, keeper)

    async def _let_in(self, principal: Principal, texts: Sequence[str], meter: Meter, route: str) -> Hold | None:
        choice = self.choice
        admission = self._admission(principal, meter, route)
        if choice is None:
            # It asks nobody, so no budget is touched; the limits of requests count it as any other.
            return await self.gate.let_in_calls(admission, (), meter)
        if choice.warning is not None:
            meter.warn(choice.warning)
        # What the tool writes around it is not known here: each call that is larger is covered when it is made.
        task = Task("\n".join(texts), choice.model, sampling=ONE_CALL)
        return await self.gate.let_in(admission, task, meter)

    def _admission(self, principal: Principal, meter: Meter, route: str) -> Admission:
        model = RULE_BASED if self.choice is None else self.choice.asked.name
        return admission_named(principal, model, principal.project_id, meter, route=route, agent=AGENT)
