"""One contract for both databases: versions are numbered, edited, labelled and listed the same way on each."""

import asyncio

import pytest

from agents.prompts.errors import PromptInvalid, PromptTaken, PromptUnknown, VersionFixed
from agents.prompts.prompt import NewPrompt, Which
from tests.contract.prompts_parts import NAME, kept, saying, text_of, with_versions

pytestmark = pytest.mark.anyio


async def test_numbers_are_given_once_even_to_many_at_once(shared_url):
    async with with_versions(shared_url, 2) as prompts:
        await prompts.remove(NAME, 2)
        added = await asyncio.gather(*(prompts.add(NAME, saying("x"), "bob") for _ in range(12)))
        await prompts.remove(NAME, 14)
        last = await prompts.add(NAME, saying("y"), "bob")

        assert sorted(version.number for version in added) == list(range(3, 15))
        assert last.number == 15
        assert list(await prompts.states()) == [15, *range(13, 2, -1), 1]


async def test_only_a_draft_is_edited_or_removed(shared_url):
    async with with_versions(shared_url, 3) as prompts:
        edited = await prompts.edit(NAME, 1, saying("anew", model="gpt-4o"))
        await prompts.promote(NAME, 1, "ana")
        await prompts.archive(NAME, 2)
        for number, state in ((1, "PRODUCTION"), (2, "ARCHIVED")):
            with pytest.raises(VersionFixed, match=f"Version {number} of '{NAME}' is {state}"):
                await prompts.edit(NAME, number, saying("never"))
            with pytest.raises(VersionFixed):
                await prompts.remove(NAME, number)
        kept_text = text_of(await prompts.version(NAME, Which(version=1)))

    assert (text_of(edited), edited.config.model, edited.updated_at > edited.created_at) == ("anew", "gpt-4o", True)
    assert kept_text == "anew"


async def test_labels_move_from_version_to_version(shared_url):
    async with with_versions(shared_url, 3) as prompts:
        await prompts.relabel(NAME, 1, ["staging", "b", "a"])
        moved = await prompts.relabel(NAME, 2, ["STAGING", "staging", "staging"])
        labels = {version.number: version.labels for version in await prompts.versions(NAME)}
        await prompts.remove(NAME, 2)

        assert moved.labels == ("STAGING", "staging")
        assert labels == {3: (), 2: ("STAGING", "staging"), 1: ("a", "b")}
        assert (await prompts.version(NAME, Which(label="a"))).number == 1
        assert (await prompts.version(NAME, Which(label="latest"))).number == 3
        with pytest.raises(PromptUnknown, match="labelled 'staging'"):
            await prompts.version(NAME, Which(label="staging"))
        assert (await prompts.relabel(NAME, 1, [])).labels == ()


async def test_a_number_and_a_label_together_are_refused(shared_url):
    async with with_versions(shared_url, 1) as prompts:
        with pytest.raises(PromptInvalid, match="not both"):
            await prompts.version(NAME, Which(version=1, label="latest"))


async def test_latest_of_a_prompt_without_versions_is_unknown(shared_url):
    async with with_versions(shared_url, 0) as prompts:
        with pytest.raises(PromptUnknown, match="has no version"):
            await prompts.version(NAME, Which(label="latest"))


async def test_a_version_is_made_with_its_labels_which_leave_the_others(shared_url):
    async with kept(shared_url) as prompts:
        _, first = await prompts.create_with(NewPrompt(name=NAME), saying("1"), "ana", ["b", "a"])
        second = await prompts.add(NAME, saying("2"), "ana", ["b"])
        with pytest.raises(PromptInvalid):
            await prompts.add(NAME, saying("3"), "ana", ["production"])
        with pytest.raises(PromptTaken):
            await prompts.create_with(NewPrompt(name=NAME), saying("4"), "ana", ["a"])

        assert (first.labels, second.labels) == (("a", "b"), ("b",))
        assert [(each.number, each.labels) for each in await prompts.versions(NAME)] == [(2, ("b",)), (1, ("a",))]


async def test_versions_are_listed_in_pages_the_newest_first(shared_url):
    async with with_versions(shared_url, 7) as prompts:
        await prompts.remove(NAME, 4)
        await prompts.relabel(NAME, 3, ["beta"])
        pages, before, more = [], None, True
        while more:
            prompt, page = await prompts.versions_page(NAME, before=before, limit=2)
            pages.append([(each.number, each.labels) for each in page.rows])
            before, more = page.rows[-1].number, page.has_more

        assert prompt.latest == 7
        assert pages == [[(7, ()), (6, ())], [(5, ()), (3, ("beta",))], [(2, ()), (1, ())]]
        for all_of_them, none in ((2**70, 0), (None, 1), (8, -(2**70))):
            assert len((await prompts.versions_page(NAME, before=all_of_them))[1].rows) == 6
            assert (await prompts.versions_page(NAME, before=none))[1].rows == []
