"""Batches of golden samples: as many runs side by side as whoever answers takes, and none for who may no more."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from agents.messages import Done, Events, Message, Prompt, Text
from agents.prompts.prompt import Config, Content, StoredPrompt, Version
from agents.prompts.samples_store import Sample
from agents.prompts.shelf import runnable
from agents.providers.breaker import Breaker
from agents.providers.models import Models
from agents.providers.retry import RetryBudget, RetryPolicy
from metering.usage import Usage
from router.auth import Principal
from router.errors import Refused
from router.opening import prompt_desk_of
from router.prompt_desk import DEFAULTS
from router.rows import LOCAL, LocalEndpoint
from router.sample_runs import AT_ONCE, SampleRuns
from tests.unit.router.desk import SMALL, Desk

pytestmark = pytest.mark.anyio

EMBEDDED = "qwen2.5-coder-0.5b-instruct"
LOCAL_END = LocalEndpoint("http://127.0.0.1:1/v1", "key", EMBEDDED)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SOMEBODY = Principal("somebody", "access", 1 << 53)


class Crowd:
    """A provider that answers once as many came as it awaits, and nobody else; it counts who was there at a time."""

    def __init__(self, awaited: int = 1) -> None:
        self.here = 0
        self.most = 0
        self.awaited = awaited
        self.came = asyncio.Event()

    async def stream(self, prompt: Prompt) -> Events:
        del prompt
        self.here += 1
        self.most = max(self.most, self.here)
        if self.here == self.awaited:
            self.came.set()
        async with asyncio.timeout(30):
            await self.came.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        self.here -= 1
        yield Text(["Bonjour"])
        yield Done(Usage(input_uncached=1, output_visible=1, source="provider"))


def runs_of(desk: Desk, crowd: Crowd, model: str, *callers: Principal | Refused) -> SampleRuns:
    """Return a batch with a version of this model; who calls is asked once before and once a sample, the last stays."""
    policies = {name: RetryPolicy(RetryBudget(), Breaker()) for name in ("openai", LOCAL)}
    prompt_desk = structs.replace(
        prompt_desk_of(desk.house, desk.opened), models=lambda meter, hold: Models(crowd, policies, meter, hold)
    )
    told = list(callers)

    async def caller() -> Principal:
        one = told.pop(0) if len(told) > 1 else told[0]
        if isinstance(one, Refused):
            raise one
        return one

    return SampleRuns(prompt_desk, runnable(*kept(model), DEFAULTS), caller)


def kept(model: str) -> tuple[StoredPrompt, Version]:
    prompt = StoredPrompt(
        id="prm_1",
        project_id="proj-default",
        name="Accueil",
        description="",
        category="",
        tags=(),
        created_at=NOW,
        updated_at=NOW,
        latest=1,
        production=1,
    )
    version = Version(
        number=1,
        state="PRODUCTION",
        content=Content((Message("user", "Bonjour"),)),
        config=Config(model=model),
        note="",
        labels=(),
        author="tests",
        created_at=NOW,
        updated_at=NOW,
        promoted_at=NOW,
        archived_at=None,
    )
    return prompt, version


def samples(count: int) -> list[Sample]:
    return [
        Sample(
            id=f"smp_{number}",
            prompt_id="prm_1",
            name=f"cas {number}",
            variables={},
            output="Bonjour",
            author="tests",
            created_at=NOW,
            version=1,
            request_id=None,
        )
        for number in range(count)
    ]


@pytest.fixture
async def desk(tmp_path: Path):
    async with Desk(tmp_path, SMALL, LOCAL_END) as desk:
        yield desk


async def test_a_vendor_gets_a_few_at_a_time_and_the_embedded_model_one(desk):
    for model, most in (("gpt-4o", AT_ONCE), (EMBEDDED, 1)):
        crowd = Crowd(awaited=most)

        report = await runs_of(desk, crowd, model, SOMEBODY).report(samples(7))

        assert [result.verdict for result in report.results] == ["identical"] * 7
        assert [result.sample_id for result in report.results] == [f"smp_{number}" for number in range(7)]
        assert crowd.most == most


async def test_key_that_is_revoked_meanwhile_runs_no_more(desk):
    revoked = runs_of(desk, Crowd(), EMBEDDED, SOMEBODY, SOMEBODY, SOMEBODY, Refused("unauthorized"))

    report = await revoked.report(samples(6))

    assert [result.verdict for result in report.results] == ["identical", "identical", "error"]
    assert report.stopped == report.results[-1].error
    assert report.not_run == ["smp_3", "smp_4", "smp_5"]
    assert (report.totals.not_run, report.totals.errors) == (3, 1)
    assert len(await desk.rows("request_id")) == 2


async def test_batch_without_samples_uses_nothing_and_that_is_known(desk):
    report = await runs_of(desk, Crowd(), "gpt-4o", SOMEBODY).report([])

    totals = report.totals
    assert (report.results, report.not_run, report.stopped) == ([], [], None)
    assert (totals.cost_eur, totals.emissions_g, totals.emissions_unknown, totals.latency_p50_ms) == (0, 0, 0, None)


async def test_version_whose_model_is_not_there_fails_the_batch_at_once(desk):
    with pytest.raises(Refused) as refusal:
        await runs_of(desk, Crowd(), "no-such-model", SOMEBODY).report(samples(3))

    assert refusal.value.code == "run_failed"
    assert await desk.rows("request_id") == []
