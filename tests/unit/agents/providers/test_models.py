"""What a model is asked where a hard budget bounds every call (6.6)."""

from contextlib import aclosing
from datetime import UTC, datetime
from typing import cast

import pytest
from msgspec.structs import replace

from accounts.gate.gate import Hold
from agents.messages import Message, Prompt, Sampling
from agents.providers.breaker import Breaker
from agents.providers.models import Models
from agents.providers.retry import RetryBudget, RetryPolicy
from agents.providers.scripted import Scripted
from metering.bound import Size
from metering.call import Call
from metering.meter import Meter
from tests.faults.prompts import model


class Bounded:
    """A hold of a request that a hard budget applies to, and that covers whatever comes."""

    bounded = True
    opened_at = datetime(2026, 1, 1, tzinfo=UTC)

    def covers(self, _size: Size) -> bool:
        return True


class Tally:
    """A meter that counts calls alone."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def begin(self, call: Call) -> None:
        self.calls.append(call)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("window", "asked", "sent"), [(128_000, None, 4096), (4096, None, 1024), (512, None, 128), (4096, 3000, 3000)]
)
async def test_answer_that_a_budget_bounds_leaves_room_for_its_prompt(
    window: int, asked: int | None, sent: int
) -> None:
    named = replace(model("m"), context_window=window)
    scripted = Scripted()
    policies = {named.provider: RetryPolicy(RetryBudget(), Breaker())}
    models = Models(scripted, policies, cast("Meter", Tally()), cast("Hold", Bounded()), 4096)

    prompt = Prompt(named, [Message("user", "Bonjour")], Sampling(max_tokens=asked))
    async with aclosing(models.stream(prompt)) as events:
        _ = [event async for event in events]

    assert [each.sampling.max_tokens for each in scripted.prompts] == [sent]
