"""A request that was let in: what to run, how to frame its answer, what it holds of limits and budgets."""

import msgspec
from msgspec import Struct

from accounts.gate.gate import Hold
from agents import Pipeline
from agents.messages import Events, Task
from agents.providers.models import Models
from agents.reading import Reading
from metering.meter import Meter
from router.framing import Framing
from router.metered import give_back
from router.replays import Keeper
from router.sourced import SourcedFraming


class Order(Struct, frozen=True):
    """A request that was let in."""

    task: Task
    pipeline: Pipeline
    framing: Framing | SourcedFraming
    models: Models
    hold: Hold | None
    keeper: Keeper | None

    @property
    def turns(self) -> int:
        """History, question and answer (2.3.2)."""
        return len(self.task.history) + 2

    def events(self) -> Events:
        """Run it."""
        return self.pipeline(self.task, self.models)

    def that_reads(self, reading: Reading, framing: Framing) -> "Order":
        """Return the order of the same request over documents, whose answer is framed with its sources."""
        task = msgspec.structs.replace(self.task, reading=reading)
        return msgspec.structs.replace(self, task=task, framing=SourcedFraming(framing, reading))

    async def end(self, meter: Meter) -> None:
        """Give back what was not used, and let a next try run where there was no answer."""
        await give_back(self.hold, self.keeper, meter)
