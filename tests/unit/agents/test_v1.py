"""V1 answers whatever its planning call comes back with."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from accounts.errors import BudgetSpent, FootprintUnknown
from agents import v1
from agents.errors import PromptRefused, ProviderBusy
from agents.messages import Done, Task, Text
from agents.providers.scripted import Line, Scripted
from storage.errors import StorageDown
from tests.faults.prompts import model, text_of

ANSWER: tuple[Line, ...] = (Text(["An answer."]), Done(finish_reason="stop"))
PLANS: dict[str, tuple[Line, ...]] = {
    "too deep": (Text(['{"x":' + "[" * 5000 + "]" * 5000 + "}"]), Done()),
    "not JSON": (Text(["I would not split it."]), Done()),
    "empty": (Done(),),
    "needs itself": (Text(['{"parts":[{"question":"a","after":[0]},{"question":"b"}]}']), Done()),
    "refused": (PromptRefused(),),
}


@pytest.mark.anyio
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_a_plan_that_cannot_be_used_means_straight_through(plan: tuple[Line, ...]) -> None:
    models = Scripted(plan, ANSWER)

    events = [event async for event in v1.run(Task("Why?", model("m")), models)]

    assert text_of(events) == "An answer."
    assert len(models.prompts) == 2


PARTS = Text(['{"parts":[{"question":"a","after":[]},{"question":"b","after":[]}]}']), Done()
FAILURES = [
    ProviderBusy(),
    BudgetSpent("EUR", "organization", Decimal(1), datetime(2026, 12, 1, tzinfo=UTC)),
    FootprintUnknown("organization"),
    StorageDown(),
]


@pytest.mark.anyio
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_a_part_that_fails_is_told_as_what_it_is(failure: Exception) -> None:
    models = Scripted(PARTS, (failure,))

    with pytest.raises(type(failure)):
        _ = [event async for event in v1.run(Task("Why?", model("m")), models)]
