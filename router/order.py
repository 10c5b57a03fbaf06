"""A request that was let in: what to run, how to frame its answer, what it holds of limits and budgets."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Protocol

import msgspec
from msgspec import Struct

from accounts.gate.gate import Hold
from agents import Pipeline
from agents.messages import Events, Task
from agents.providers.models import Models
from agents.reading import Reading
from metering.meter import Meter
from metering.receipt import Receipt
from router.errors import Refused
from router.framing import Framing
from router.metered import give_back
from router.replays import Keeper
from router.sourced import SourcedFraming
from router.writer import Closing, Speaking


class Frames(Speaking, Closing, Protocol):
    """Whoever frames one answer, as one body or as events."""

    def before_body(self) -> None:
        """Do what must be done before the receipt of a whole answer is made."""
        ...

    def body(self, text: str, turns: int, receipt: Receipt) -> bytes:
        """Return the JSON answer."""
        ...


class Order(Struct, frozen=True):
    """A request that was let in; `within_s` is after how many seconds it is given up, None for never."""

    task: Task
    pipeline: Pipeline
    framing: Frames
    models: Models
    hold: Hold | None
    keeper: Keeper | None
    within_s: float | None = None

    @property
    def turns(self) -> int:
        """History, question and answer (2.3.2)."""
        return len(self.task.history) + 2

    def opened(self) -> AbstractAsyncContextManager[Events]:
        """Run it; its events are closed at the end of the context, which may be when its time is up.

        Raises:
            Refused: `run_timeout`, from the context.

        """
        events = self.pipeline(self.task, self.models)
        return aclosing(events) if self.within_s is None else _in_time(events, self.within_s, self.task.model.name)

    def that_reads(self, reading: Reading, framing: Framing) -> "Order":
        """Return the order of the same request over documents, whose answer is framed with its sources."""
        task = msgspec.structs.replace(self.task, reading=reading)
        return msgspec.structs.replace(self, task=task, framing=SourcedFraming(framing, reading))

    async def end(self, meter: Meter) -> None:
        """Give back what was not used, and let a next try run where there was no answer."""
        await give_back(self.hold, self.keeper, meter)


@asynccontextmanager
async def _in_time(events: Events, seconds: float, model: str) -> AsyncGenerator[Events]:
    limit = asyncio.timeout(seconds)
    try:
        async with limit, aclosing(events):
            yield events
    except TimeoutError as cause:
        if not limit.expired():
            raise
        raise Refused("run_timeout", f"The model '{model}' did not answer within {seconds:g} seconds") from cause
