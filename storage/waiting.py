"""Units that were handed over and are not in yet, and who waits for them."""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from time import monotonic

from storage.clerk import Unheard, Unit
from storage.errors import StorageDown
from storage.statement import Work


class Handed:
    """A unit, who waits for its outcome, who hears it if they left, and what is written instead if it is refused."""

    __slots__ = ("durable", "future", "instead", "since", "unheard", "unit")

    def __init__(
        self,
        unit: Unit,
        future: asyncio.Future[object],
        *,
        durable: bool,
        instead: Unit | None = None,
        unheard: Unheard | None = None,
    ) -> None:
        self.unit = unit
        self.future = future
        self.durable = durable
        self.instead = instead
        self.unheard = unheard
        self.since = monotonic()


class Waiting:
    """All units that are not in yet, on the event loop."""

    def __init__(self) -> None:
        self._handed: set[Handed] = set()

    def __len__(self) -> int:
        return len(self._handed)

    def add(self, handed: Handed) -> None:
        """Remember one until it is settled."""
        self._handed.add(handed)

    def settle(self, outcomes: Iterable[tuple[Handed, object]]) -> None:
        """Tell outcomes: they are the units' own."""
        for handed, outcome in outcomes:
            self._handed.discard(handed)
            if not handed.future.done():
                handed.future.set_result(outcome)
            elif handed.unheard is not None and handed.future.cancelled():
                handed.unheard(outcome)

    def refuse(self, refused: Iterable[Handed], error: Exception) -> None:
        """Tell why units are not in and never will be."""
        for handed in refused:
            self._handed.discard(handed)
            if not handed.future.done():
                handed.future.set_exception(error)

    def disappoint(self, units: Iterable[Handed], patience_seconds: float) -> None:
        """Tell those who have waited for longer than that; their units stay."""
        for handed in units:
            if not handed.future.done() and monotonic() - handed.since > patience_seconds:
                handed.future.set_exception(StorageDown())
                # Who did not wait misses nothing, so asyncio need not complain that nobody looked.
                handed.future.exception()

    def give_up(self, units: Sequence[Handed] | None = None) -> None:
        """Print what was to be kept, one JSON object a unit, and tell who waits; None stands for all."""
        lost = list(self._handed) if units is None else units
        for handed in lost:
            if handed.durable:
                sys.stderr.write(_as_json_line(handed.unit.work))
        sys.stderr.flush()
        self.refuse(lost, StorageDown())


def _as_json_line(work: Work) -> str:
    rows = [
        {"action": statement.action, "table": statement.table, "row": dict(zip(statement.columns, row, strict=True))}
        for statement, row in work
    ]
    # Bytes are what was answered to somebody: no figure, and not for a log.
    return json.dumps({"level": "error", "event": "unwritten", "work": rows}, default=lambda _: None) + "\n"
