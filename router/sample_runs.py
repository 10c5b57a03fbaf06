"""Golden samples run again: each a request of its own in the books, a few side by side (3.2.6)."""

from asyncio import TaskGroup
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from accounts.errors import BudgetSpent, FootprintUnknown, TooManyRunning
from agents.prompts.comparison import compared
from agents.prompts.samples_store import Sample
from agents.prompts.shelf import Runnable
from metering.meter import Meter
from metering.receipt import Receipt
from router.auth import Principal
from router.errors import Refused
from router.metered import FORESEEN
from router.prompt_desk import PromptDesk, Ran
from router.rows import LOCAL
from router.run_refusals import RUNS
from router.run_views import milliseconds
from router.sample_views import BatchReport, SampleResult, totals_of

ROUTE = "/api/v1/prompts/{name}/samples/run"
AT_ONCE = 4
CLOSED = {"unauthorized", "forbidden"}  # what a caller hears who may not run any of them


class SampleRuns:
    """The runs of one batch with one version.

    Args:
        desk: What every run meets.
        runnable: The version.
        caller: Returns who wants the runs, now; raises `unauthorized` once nobody does.

    """

    def __init__(self, desk: PromptDesk, runnable: Runnable, caller: Callable[[], Awaitable[Principal]]) -> None:
        self._desk = desk
        self._runnable = runnable
        self._caller = caller
        self._results: dict[str, SampleResult] = {}
        self._stopped: str | None = None

    async def report(self, samples: Sequence[Sample]) -> BatchReport:
        """Run the samples and hold what is answered against what is kept.

        One that fails says so in its result; a budget that is spent, or a key that may run no more, ends the rest.

        Raises:
            Refused: `forbidden`: the caller may not use the model or the agent; `run_failed`: the version's model is
                not there.

        """
        choice = self._desk.choice_for(await self._caller(), self._runnable)
        # The embedded model answers one request at a time: the others would wait for it with their clocks running.
        at_once = 1 if choice.model.provider == LOCAL else AT_ONCE
        waiting, crowded = deque(samples), deque[Sample]()
        async with TaskGroup() as group:
            for _ in range(min(at_once, len(samples))):
                group.create_task(self._work(waiting, crowded))
        # A key may have fewer places than run side by side here: those that found none run one after the other.
        await self._work(crowded, None)
        results = [self._results[sample.id] for sample in samples if sample.id in self._results]
        left = [sample.id for sample in samples if sample.id not in self._results]
        return BatchReport(
            prompt_name=self._runnable.name,
            prompt_version=self._runnable.version,
            model=choice.shown,
            agent=self._runnable.agent,
            results=results,
            totals=totals_of(results, len(left)),
            stopped=self._stopped,
            not_run=left,
        )

    async def _work(self, waiting: deque[Sample], crowded: deque[Sample] | None) -> None:
        """Run what waits until nothing does; put aside what finds no place, if there is where."""
        while waiting and self._stopped is None:
            sample, meter = waiting.popleft(), self._desk.meter()
            try:
                self._results[sample.id] = await self._told(sample, await self._ran(sample, meter))
            except TooManyRunning as error:
                if crowded is None:
                    self._fail(sample, error, meter)
                else:
                    crowded.append(sample)
            except FORESEEN as error:
                self._fail(sample, error, meter)

    async def _ran(self, sample: Sample, meter: Meter) -> Ran:
        asked = self._desk.asked(await self._caller(), self._runnable, sample.variables)
        return await self._desk.run(asked, ROUTE, meter)

    @staticmethod
    async def _told(sample: Sample, ran: Ran) -> SampleResult:
        comparison = await compared(sample.output, ran.output)
        return SampleResult(
            sample_id=sample.id,
            name=sample.name,
            verdict=comparison.verdict,
            similarity=comparison.similarity,
            diff=comparison.diff,
            **_figures(ran.receipt),
        )

    def _fail(self, sample: Sample, error: Exception, meter: Meter) -> None:
        told = RUNS.fault_of(error, meter.request_id).message
        if isinstance(error, BudgetSpent | FootprintUnknown) or (isinstance(error, Refused) and error.code in CLOSED):
            self._stopped = told
        self._results[sample.id] = SampleResult(
            sample_id=sample.id, name=sample.name, verdict="error", error=told, **_figures(meter.receipt)
        )


def _figures(receipt: Receipt | None) -> dict[str, Any]:
    """Return what a run used; nothing of one that was not let in."""
    if receipt is None:
        return {}
    return {
        "request_id": receipt.request_id,
        "resolved_model": receipt.resolved_model,
        "duration_ms": milliseconds(receipt.latency_s),
        "cost_eur": receipt.pricing.total_cost,
        "emissions_g": receipt.emissions_g,
        "water_liters": receipt.equivalences.water_liters,
    }
