"""The seam between who hands units of work over, the clerk who knows what they mean, and the writer who commits."""

import asyncio
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Protocol

from msgspec import Struct

from storage.script import Script, Write
from storage.statement import Row, Statement, Work

Unheard = Callable[[Any], None]


class Unit(Protocol):
    """What is handed over: it is in, or refused, as a whole."""

    @property
    def work(self) -> Work:
        """Its plain rows, which are printed when it can never be written."""
        ...


class Batch(Protocol):
    """Units that share one transaction."""

    @property
    def lasts(self) -> bool:
        """Whether what the script wrote must survive the server, though no unit is durable; asked once it has run."""
        ...

    def script(self) -> Script[list[object]]:
        """Return a fresh script that writes them all and returns one outcome a unit, in order."""
        ...

    def committed(self) -> None:
        """Learn that the transaction is in: what was remembered may change.

        Runs where the writer runs, which on SQLite is a thread of its own, before anybody is told an outcome.
        """
        ...


class Clerk(Protocol):
    """Knows how units become rows."""

    def batch(self, units: Sequence[Unit], now_ns: int) -> Batch:
        """Put units into one transaction.

        Args:
            units: At least one, in the order in which they were handed over. They may come again, in this or a
                smaller company, when the transaction fails.
            now_ns: The time that all who share the database agree on, in nanoseconds of the epoch.

        """
        ...


class Writer(Protocol):
    """Takes units of work on the event loop and commits them together."""

    @property
    def healthy(self) -> bool:
        """Whether the last commit succeeded and the writer is open."""
        ...

    @property
    def ready(self) -> bool:
        """Whether new work would soon be written: healthy, and without a long queue."""
        ...

    def submit(
        self, unit: Unit, *, durable: bool, instead: Unit | None = None, unheard: Unheard | None = None
    ) -> asyncio.Future[Any]:
        """Hand over a unit of work; cancelling the future does not take it back.

        Args:
            unit: What its clerk understands.
            durable: True for what must never be lost: it survives a power cut, and is kept until it can be
                written. False for what only has to survive this process, and is refused at once in bad times.
            instead: What is to be written, durably, when the database refuses the unit itself.
            unheard: Told the outcome when the future was cancelled before there was one.

        Returns:
            A future of the unit's own outcome, done once it is committed. It raises UnitRefused when the database
            refuses the unit itself, and StorageDown when it could not be written: at once if it is not durable,
            when patience ends if it is; it is then still kept and tried again.

        """
        ...

    async def close(self, seconds: float) -> None:
        """Write what waits, for at most `seconds`; what is left then goes to stderr, one JSON object a unit."""
        ...


class Plain(Struct, frozen=True, eq=False):
    """A unit that is its rows and nothing more."""

    work: Work


class PlainClerk:
    """Writes the rows of its units, grouped by statement in the order of rank; the outcome of each is None."""

    def batch(self, units: Sequence[Unit], now_ns: int) -> "PlainBatch":
        """Put units into one transaction."""
        del now_ns
        return PlainBatch(units)


class PlainBatch:
    """Plain rows of several units."""

    lasts = False

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units

    def script(self) -> Script[list[object]]:
        """Return a fresh script that writes them all."""
        yield from write_by_rank(self._units)
        return [None] * len(self._units)

    def committed(self) -> None:
        """Nothing was remembered."""


def write_by_rank(units: Sequence[Unit]) -> Script[None]:
    """Write the plain rows of units: all rows of a statement in one go, statements of a lower rank first."""
    tables: dict[Statement, list[Row]] = {}
    for unit in units:
        for statement, row in unit.work:
            tables.setdefault(statement, []).append(row)
    for statement in sorted(tables, key=attrgetter("rank")):
        yield Write(statement, tables[statement])
