"""A request that was let in: what to run, how to frame its answer, what it holds of limits and budgets."""

import asyncio
from asyncio import CancelledError
from contextlib import AbstractAsyncContextManager, aclosing
from types import TracebackType
from typing import Any, Protocol

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
        return aclosing(events) if self.within_s is None else InTime(events, self.within_s, self.task.model.name)

    def that_reads(self, reading: Reading, framing: Framing) -> "Order":
        """Return the order of the same request over documents, whose answer is framed with its sources."""
        task = msgspec.structs.replace(self.task, reading=reading)
        return msgspec.structs.replace(self, task=task, framing=SourcedFraming(framing, reading))

    async def end(self, meter: Meter) -> None:
        """Give back what was not used, and let a next try run where there was no answer."""
        await give_back(self.hold, self.keeper, meter)


class InTime:
    """A context with the events of an answer that must have come in time; they are closed at its end.

    What `asyncio.timeout` in a generator would do, at a tenth of what it costs a request.
    """

    __slots__ = ("_cancelling", "_events", "_late", "_model", "_seconds", "_task", "_timer")

    def __init__(self, events: Events, seconds: float, model: str) -> None:
        self._events = events
        self._seconds = seconds
        self._model = model
        self._late = False

    async def __aenter__(self) -> Events:
        """Start the clock."""
        self._task: asyncio.Task[Any] | None = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._give_up)
        return self._events

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open, and say so if the time was up.

        Raises:
            Refused: `run_timeout`.

        """
        self._timer.cancel()
        # Whoever else cancels the task, because the client has left or the server stops, comes first.
        late = self._late and self._task is not None and self._task.uncancel() <= self._cancelling
        await self._events.aclose()
        if late and kind is CancelledError:
            told = f"The model '{self._model}' did not answer within {self._seconds:g} seconds"
            raise Refused("run_timeout", told) from error

    def _give_up(self) -> None:
        self._late = True
        if self._task is not None:
            self._task.cancel()
