"""V1 answers whatever its planning call comes back with."""

import pytest

from agents import v1
from agents.errors import PromptRefused
from agents.messages import Done, Task, Text
from agents.providers.scripted import Line, Scripted
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
