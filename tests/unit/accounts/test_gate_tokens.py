"""Limits of tokens at the gate: charged what was used in the end, and nothing when a request never got in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from msgspec.structs import replace

from accounts.budgets.budgeted import Budgeted
from accounts.errors import RateExceeded
from accounts.gate.clerk import Clerk
from accounts.gate.gate import Claim, Gate
from accounts.limits.gcra import Rate
from accounts.limits.limits import Limits
from accounts.limits.process_rates import ProcessRates
from accounts.limits.store import Limit
from accounts.revision import Revision
from metering.bound import Bound, Size
from storage.group_commit import GroupCommit
from storage.sqlite import Sqlite
from tests.unit.metering.samples import NOON, entry

pytestmark = pytest.mark.anyio

PROJECT = "proj-default"
USED = 57  # tokens of the entries of the tests
LIMIT = 100


class Stuck:
    """A writer that never answers."""

    healthy = ready = True

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def submit(self, unit: object, **_how: object) -> asyncio.Future[object]:
        del unit
        self.asked.set()
        return asyncio.get_running_loop().create_future()

    async def close(self, seconds: float) -> None:
        """Nothing is held open."""


def claim(tokens: int) -> Claim:
    bound = Bound(Decimal(0), Decimal(0), tokens)
    size = Size("gpt-4o", tokens, 0)
    return Claim(request_id="r", opened_at=NOON, project_id=PROJECT, key_id=None, size=size, bound=bound)


@asynccontextmanager
async def gate_with(path, writer, rates) -> AsyncIterator[Gate]:
    database = Sqlite(path)
    revision = Revision(database)
    limits = Limits(database, revision)
    await limits.set("project", PROJECT, Limit(tokens_per_minute=LIMIT))
    parts = {"limits": limits, "budgeted": Budgeted(database, revision), "rates": rates, "lists_open": False}
    yield Gate(database=database, writer=writer, **parts)
    await writer.close(5)


async def left(gate: Gate) -> int:
    """Return what the limit would still pass."""
    for tokens in range(LIMIT, 0, -1):
        try:
            await gate.admit(claim(tokens))
        except RateExceeded:
            continue
        return tokens
    return 0


@pytest.mark.parametrize(("taken", "there"), [(10, LIMIT - USED), (80, LIMIT - USED), (USED, LIMIT - USED)])
async def test_a_limit_in_the_database_is_charged_what_was_used(database_path, taken, there):
    writer = GroupCommit(database_path, Clerk("owner", lists_open=False))
    async with gate_with(database_path, writer, None) as gate:
        hold = await gate.admit(claim(taken))

        await writer.submit(replace(entry("r"), held=hold.held), durable=True)

        # While the test runs a few come back.
        assert there <= await left(gate) <= there + 5


@pytest.mark.parametrize("taken", [10, 80, USED])
async def test_a_limit_elsewhere_is_charged_what_was_used(database_path, taken):
    writer = GroupCommit(database_path, Clerk("owner", lists_open=False))
    async with gate_with(database_path, writer, ProcessRates()) as gate:
        hold = await gate.admit(claim(taken))

        await hold.used(USED)

        assert LIMIT - USED <= await left(gate) <= LIMIT - USED + 5


async def test_whoever_leaves_while_waiting_to_be_let_in_has_taken_nothing(database_path):
    rates, writer = ProcessRates(), Stuck()
    async with gate_with(database_path, writer, rates) as gate:
        waiting = asyncio.create_task(gate.admit(claim(LIMIT)))
        await writer.asked.wait()

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        verdict = await rates.take([Rate(f"tokens:project:{PROJECT}", LIMIT, LIMIT - 1)])
        assert verdict.refused is None
