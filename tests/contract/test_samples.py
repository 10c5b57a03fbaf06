"""Golden samples on either database: kept once under a name, read back as they were, and gone with their prompt."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from accounts.pages import Cut
from agents.prompts import samples_store
from agents.prompts.errors import PromptInvalid, PromptTaken, PromptUnknown
from agents.prompts.prompt import LONGEST_TEXT, NewPrompt, StoredPrompt
from agents.prompts.prompts import Prompts
from agents.prompts.samples import Kept, Samples
from storage.script import Database, Query, Script
from tests.contract.databases import asking, opened

pytestmark = pytest.mark.anyio

ANSWER = Kept(output="Bonjour 👋\nà tous", version=3, request_id="req_1")
VALUES = {"texte": "é\u0000\n{{x}}", "nombre": 10**30, "part": 0.1, "oui": True}


@asynccontextmanager
async def shelf(url: str) -> AsyncIterator[tuple[Database, Samples, StoredPrompt]]:
    async with opened(url) as database:
        prompt = await Prompts(database, 0).create(f"proj-{uuid.uuid4()}", NewPrompt(name="Accueil"))
        yield database, Samples(database), prompt


async def test_sample_is_read_back_as_it_was_kept(shared_url):
    async with shelf(shared_url) as (_, samples, prompt):
        kept = await samples.keep(prompt.id, " cas\u0301 ", VALUES, ANSWER, "somebody")

        assert await samples.find(prompt.id, kept.id) == kept
        assert kept.name == "ca\u015b"
        assert (kept.variables, kept.output, kept.author) == (VALUES, ANSWER.output, "somebody")
        assert (kept.version, kept.request_id) == (3, "req_1")
        assert (await samples.page(prompt.id, Cut())).rows == [kept]


async def test_name_is_kept_once_whoever_keeps_it_at_the_same_time(shared_url):
    async with shelf(shared_url) as (_, samples, prompt):
        tries = [samples.keep(prompt.id, "cas", {}, ANSWER, f"author {n}") for n in range(8)]

        outcomes = await asyncio.gather(*tries, return_exceptions=True)

        assert sum(isinstance(each, PromptTaken) for each in outcomes) == 7
        assert len((await samples.page(prompt.id, Cut())).rows) == 1
        with pytest.raises(PromptTaken, match="'cas'"):
            await samples.check_free(prompt.id, "cas", {})
        assert await samples.check_free(prompt.id, " autre ", {}) == "autre"


async def test_samples_are_named_in_the_order_wanted_and_only_by_their_own_prompt(shared_url):
    async with shelf(shared_url) as (database, samples, prompt):
        one, two, three = [await samples.keep(prompt.id, f"cas {n}", {}, ANSWER, "tests") for n in range(3)]
        other = await Prompts(database, 0).create(prompt.project_id, NewPrompt(name="Autre"))

        assert await samples.these(prompt.id, [three.id, one.id, three.id]) == [three, one]
        for prompt_id, sample_id in ((other.id, two.id), (prompt.id, "smp_none"), (prompt.id, "\0"), (prompt.id, "é")):
            with pytest.raises(PromptUnknown):
                await samples.find(prompt_id, sample_id)
            with pytest.raises(PromptUnknown):
                await samples.remove(prompt_id, sample_id)


async def test_removed_sample_is_gone_and_its_name_free(shared_url):
    async with shelf(shared_url) as (_, samples, prompt):
        kept = await samples.keep(prompt.id, "cas", {}, ANSWER, "tests")

        await samples.remove(prompt.id, kept.id)

        with pytest.raises(PromptUnknown):
            await samples.find(prompt.id, kept.id)
        assert await samples.check_free(prompt.id, "cas", {}) == "cas"


async def test_samples_go_with_their_prompt_and_none_comes_after_it(shared_url):
    async with shelf(shared_url) as (database, samples, prompt):
        await samples.keep(prompt.id, "cas", {}, ANSWER, "tests")

        await Prompts(database, 0).delete(prompt.project_id, prompt.name)

        assert await database.read(asking("SELECT id FROM prompt_samples WHERE prompt_id = ?", prompt.id)) == []
        with pytest.raises(PromptUnknown):
            await samples.keep(prompt.id, "late", {}, ANSWER, "tests")


async def test_pages_of_samples_join_without_gap(shared_url):
    async with shelf(shared_url) as (_, samples, prompt):
        kept = [await samples.keep(prompt.id, f"cas {n}", {}, ANSWER, "tests") for n in range(5)]

        first = await samples.page(prompt.id, Cut(limit=3))
        rest = await samples.page(prompt.id, Cut(after=first.rows[-1].id, limit=3))

        assert {each.id for each in first.rows + rest.rows} == {each.id for each in kept}
        assert (first.has_more, rest.has_more) == (True, False)


async def test_what_no_database_or_nobody_can_hold_is_refused(shared_url):
    async with shelf(shared_url) as (database, samples, prompt):
        for output in ("\0", "\ud800", "x" * (LONGEST_TEXT + 1)):
            with pytest.raises(PromptInvalid):
                await samples.keep(prompt.id, "cas", {}, Kept(output=output), "tests")
        with pytest.raises(PromptInvalid):
            await samples.keep(prompt.id, "cas", {"x": "y" * 5 * LONGEST_TEXT}, ANSWER, "tests")
        await database.write(lambda: full(prompt.id))
        with pytest.raises(PromptInvalid, match="at most"):
            await samples.keep(prompt.id, "one more", {}, ANSWER, "tests")


def full(prompt_id: str) -> Script[None]:
    for number in range(samples_store.MOST_SAMPLES):
        row = (
            f"smp_{prompt_id}_{number}",
            prompt_id,
            f"{number}",
            "{}",
            "",
            "tests",
            "2026-11-21T12:00:00.000000+00:00",
        )
        sql = "INSERT INTO prompt_samples (id, prompt_id, name, variables, output, author, created_at) VALUES "
        yield Query(f"{sql}(?, ?, ?, ?, ?, ?, ?)", row)
