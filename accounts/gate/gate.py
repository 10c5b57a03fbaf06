"""The gate: what every request passes once, and what it holds until it is settled."""

import asyncio
from asyncio import CancelledError
from datetime import datetime
from functools import partial

from msgspec import Struct

from accounts.budgets.budgeted import Budgeted
from accounts.errors import AccountError, RateExceeded
from accounts.gate.asking import Ask, Grant, Knock, Release
from accounts.limits.gcra import OPEN, Rate, Verdict
from accounts.limits.limits import Applied, Limits
from accounts.limits.rates import Rates
from accounts.limits.spare import excess, spare, taken
from metering.bound import NO_BOUND, Bound, Size
from metering.held import Held
from storage.clerk import Writer
from storage.errors import StorageDown, StorageError
from storage.script import Database

_PATIENCE_S = 4.0


class Claim(Struct, frozen=True, kw_only=True):
    """A request at the gate: who it is charged to, from when on, and how much it consumes at most, as far as is known.

    `size` is that of its first call where `bound` is for that one alone; None where all its calls draw on the bound.
    `opening` is its admission as JSON, for a database that keeps the list of open requests.
    """

    request_id: str
    opened_at: datetime
    project_id: str
    key_id: str | None
    size: Size | None
    bound: Bound
    opening: str | None = None


class Hold:
    """What a request that was let in holds; it grows with every call that what is held does not cover.

    Attributes:
        held: For its settlement.
        bounded: Whether a hard budget applies: then every call has an upper bound.
        remaining: What its budgets had left when it was let in.
        verdict: How its rate limits stood then.

    """

    __slots__ = ("_claim", "_first", "_gate", "_pool", "_shared", "bounded", "held", "remaining", "verdict")

    def __init__(self, gate: "Gate", claim: Claim, grant: Grant, shared: Held | None) -> None:
        self._gate = gate
        self._claim = claim
        self._first: Size | None = claim.size
        self._pool = claim.bound
        self._shared = shared
        self.held = Held(grant.amounts, () if shared else taken(grant.verdict, gate.clock_ns()))
        self.bounded = grant.bounded
        self.remaining = grant.remaining
        self.verdict = grant.verdict

    @property
    def opened_at(self) -> datetime:
        """When the request came: whose prices it is charged at."""
        return self._claim.opened_at

    def covers(self, size: Size) -> bool:
        """Whether this is the first call, as large as was expected: then nothing more is to be held for it."""
        if self._first is None or not size.within(self._first):
            return False
        self._first = None
        self._pool = NO_BOUND
        return True

    async def cover(self, bound: Bound) -> None:
        """Hold for one more call.

        Raises:
            BudgetSpent: A hard budget cannot cover it; nothing more is held.
            FootprintUnknown: One in grams applies, and the call's have no bound.
            StorageDown: Nobody can tell now.

        """
        self._first = None
        beyond = bound.beyond(self._pool)
        self._pool = self._pool.beyond(bound)
        if beyond.eur or beyond.grams != 0:
            grant = await self._gate.ask(_more(self._claim, beyond))
            self.held.add(grant.amounts)

    def spare(self, bound: Bound) -> None:
        """Have what a call that has ended was held, and did not use, cover the calls that follow."""
        self._pool = self._pool.and_also(bound)

    async def used(self, tokens: int) -> None:
        """Charge limits that are counted outside the database what was used in the end, no more and no less."""
        if self._shared is not None:
            await self._gate.correct(self._shared, tokens)


def _more(claim: Claim, bound: Bound) -> Ask:
    return Ask(opened_at=claim.opened_at, project_id=claim.project_id, key_id=claim.key_id, bound=bound)


class Gate:
    """Lets requests in, as far as limits and budgets go.

    Args:
        database: Whose clock counts.
        writer: Of the clerk, who decides.
        limits: Which rates apply.
        budgeted: Who has budgets.
        rates: Where rates are counted if not in the database.
        lists_open: Whether every admission is written to the database.

    """

    def __init__(
        self,
        *,
        database: Database,
        writer: Writer,
        limits: Limits,
        budgeted: Budgeted,
        rates: Rates | None,
        lists_open: bool,
    ) -> None:
        self.clock_ns = database.clock_ns
        self._writer = writer
        self._limits = limits
        self._budgeted = budgeted
        self._rates = rates
        self._lists_open = lists_open

    @property
    def healthy(self) -> bool:
        """Whether rates are counted over all processes together."""
        return self._rates is None or self._rates.healthy

    def stands_open(self, project_id: str, key_id: str | None) -> bool:
        """Whether such requests certainly pass: no limit, no budget, no list to be written in."""
        if self._lists_open:
            return False
        applied = self._limits.remembered(key_id, project_id)
        if applied is None or applied.requests or applied.tokens or applied.running_cap is not None:
            return False
        return self._budgeted.certainly_free(project_id, key_id)

    async def admit(self, claim: Claim) -> Hold:
        """Let a request in and hold what its first call may consume.

        Raises:
            RateExceeded: A limit of requests or tokens is reached.
            TooManyRunning: As many requests of the key run as may.
            BudgetSpent: A hard budget cannot cover it.
            FootprintUnknown: One in grams applies, and the model's have no bound.
            StorageDown: Nobody can tell now.

        """
        await self._budgeted.learn()
        applied = self._limits.remembered(claim.key_id, claim.project_id)
        if applied is None:
            applied = await self._limits.applied(claim.key_id, claim.project_id)
        rates = applied.rates_of(claim.bound.tokens)
        if self._rates is None or not rates:
            grant = await self.ask(self._ask_of(claim, applied, rates))
            return Hold(self, claim, grant, None)
        verdict = await self._take(self._rates, rates)
        shared = Held({}, taken(verdict, self.clock_ns()))
        try:
            grant = await self.ask(self._ask_of(claim, applied, ()))
        except (AccountError, StorageError, CancelledError):
            await self.correct(shared, 0)
            raise
        return Hold(self, claim, Grant(grant.amounts, grant.bounded, grant.remaining, verdict), shared)

    async def knock(self, project_id: str, key_id: str | None) -> Verdict:
        """Count a request that consumes nothing against the limits of requests.

        Raises:
            RateExceeded: One is reached.
            StorageDown: Nobody can tell now.

        """
        applied = await self._limits.applied(key_id, project_id)
        if not applied.requests:
            return OPEN
        return await self.count(applied.requests)

    async def count(self, rates: tuple[Rate, ...]) -> Verdict:
        """Take from these limits alone.

        Raises:
            RateExceeded: One is reached.
            StorageDown: Nobody can tell now.

        """
        if self._rates is not None:
            return await self._take(self._rates, rates)
        verdict: Verdict | AccountError = await self._writer.submit(Knock(rates), durable=False)
        if isinstance(verdict, AccountError):
            raise verdict
        return verdict

    def release(self, claim: Claim, hold: Hold) -> None:
        """Give back what a request holds that goes no further and has no entry."""
        self._writer.submit(Release(hold.held, claim.request_id), durable=True)

    async def correct(self, shared: Held, used: int) -> None:
        """Give back tokens that were taken outside the database and not used, or charge those beyond."""
        if self._rates is None:
            return
        if unused := spare(shared, used, self.clock_ns()):
            await self._rates.give_back(unused)
        if owed := excess(shared, used):
            await self._rates.owe(owed)

    async def ask(self, ask: Ask) -> Grant:
        """Have the clerk decide; whoever stops waiting holds nothing.

        Raises:
            AccountError: He refuses.
            StorageDown: He cannot decide now.

        """
        answer = self._writer.submit(ask, durable=False, unheard=partial(self._let_go, ask))
        # A server that is lost in a commit is asked for the outcome when it is back; nobody waits for that.
        patience = asyncio.get_running_loop().call_later(_PATIENCE_S, answer.cancel)
        try:
            outcome: Grant | AccountError = await answer
        except CancelledError as cause:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                # The outcome was there, and its waiter left before it was told.
                self._let_go(ask, answer.result())
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            raise StorageDown from cause
        finally:
            patience.cancel()
        if isinstance(outcome, AccountError):
            raise outcome
        return outcome

    def _let_go(self, ask: Ask, outcome: "Grant | AccountError") -> None:
        if isinstance(outcome, Grant):
            held = Held(outcome.amounts, taken(outcome.verdict, self.clock_ns()))
            self._writer.submit(Release(held, ask.opening and ask.opening[0]), durable=True)

    @staticmethod
    async def _take(rates: Rates, wanted: tuple[Rate, ...]) -> Verdict:
        verdict = await rates.take(wanted)
        if verdict.refused is not None:
            raise RateExceeded(verdict, verdict.refused)
        return verdict

    def _ask_of(self, claim: Claim, applied: Applied, rates: tuple[Rate, ...]) -> Ask:
        return Ask(
            opened_at=claim.opened_at,
            project_id=claim.project_id,
            key_id=claim.key_id,
            bound=claim.bound,
            rates=rates,
            running=applied.running_cap,
            opening=None if claim.opening is None else (claim.request_id, claim.opening),
        )
