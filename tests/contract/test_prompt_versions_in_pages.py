"""Versions are made with their labels at once, and read in pages, the same way on both databases."""

import pytest

from agents.prompts.errors import PromptInvalid, PromptTaken, PromptUnknown
from agents.prompts.prompt import NewPrompt, Which
from tests.contract.prompts_parts import NAME, kept, saying, text_of

pytestmark = pytest.mark.anyio


async def test_a_version_is_made_with_its_labels_which_leave_others(shared_url):
    async with kept(shared_url) as prompts:
        _, first = await prompts.create_with(NewPrompt(name=NAME), saying("one"), "ana", ("b", "a"))
        second = await prompts.add(NAME, saying("two"), "ana", ["a", " c "])

        assert first.labels == ("a", "b")
        assert second.labels == ("a", "c")
        assert (await prompts.version(NAME, Which(version=1))).labels == ("b",)
        assert text_of(await prompts.version(NAME, Which(label="a"))) == "two"


async def test_nothing_is_made_when_a_label_is_not_as_it_must_be(shared_url):
    async with kept(shared_url) as prompts:
        with pytest.raises(PromptInvalid):
            await prompts.create_with(NewPrompt(name=NAME), saying("one"), "ana", ("production",))
        with pytest.raises(PromptUnknown):
            await prompts.find(NAME)
        await prompts.create_with(NewPrompt(name=NAME), saying("one"), "ana", ("a",))
        with pytest.raises(PromptInvalid):
            await prompts.add(NAME, saying("two"), "ana", ("latest",))
        with pytest.raises(PromptTaken):
            await prompts.create_with(NewPrompt(name=NAME), saying("three"), "ana", ("a",))

        assert [version.labels for version in await prompts.versions(NAME)] == [("a",)]


async def test_versions_come_in_pages_the_newest_first(shared_url):
    async with kept(shared_url) as prompts:
        await prompts.create_with(NewPrompt(name=NAME), saying("1"), "ana", ("a",))
        for number in range(2, 6):
            await prompts.add(NAME, saying(str(number)), "ana")
        await prompts.remove(NAME, 4)

        prompt, first = await prompts.versions_page(NAME, limit=2)
        _, rest = await prompts.versions_page(NAME, before=3, limit=2)
        _, none = await prompts.versions_page(NAME, before=1)
        with pytest.raises(PromptUnknown):
            await prompts.beside().versions_page(NAME)

    assert prompt.latest == 5
    assert ([version.number for version in first.rows], first.has_more) == ([5, 3], True)
    assert ([version.labels for version in rest.rows], rest.has_more) == ([(), ("a",)], False)
    assert (none.rows, none.has_more) == ([], False)
