"""Whoever stops waiting at the gate holds nothing, at whichever moment they stop."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from accounts.gate.asking import Ask, Grant, Release
from accounts.gate.gate import Gate
from accounts.limits.gcra import OPEN
from metering.bound import Bound

ASK = Ask(
    opened_at=datetime(2026, 11, 22, tzinfo=UTC),
    project_id="proj-default",
    key_id=None,
    bound=Bound(Decimal(1), Decimal(1), 1),
)
GRANT = Grant({"bud_1@2026-11-01": Decimal(1)}, bounded=True, remaining=None, verdict=OPEN)


class Clerk:
    """Decides when the test says so, and remembers what was given back."""

    def __init__(self):
        self.answer = None
        self.asked = asyncio.Event()
        self.released = []

    def submit(self, unit, *, durable, **_):
        if isinstance(unit, Release):
            self.released.append(unit.held.amounts)
            return None
        assert not durable
        self.answer = asyncio.get_running_loop().create_future()
        self.asked.set()
        return self.answer


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_client_who_leaves_as_the_answer_comes_holds_nothing():
    clerk = Clerk()
    clock = SimpleNamespace(clock_ns=lambda: 0)
    gate = Gate(database=clock, writer=clerk, limits=None, budgeted=None, rates=None, lists_open=False)
    asking = asyncio.create_task(gate.ask(ASK))
    await clerk.asked.wait()

    # The grant is told, and before its task wakes up the client is gone.
    clerk.answer.set_result(GRANT)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert clerk.released == [GRANT.amounts]
