"""One contract for both databases: one version is in production, whoever promotes what at the same time."""

import asyncio

import pytest

from agents.prompts.errors import PromptInvalid, PromptUnknown
from agents.prompts.prompt import Which
from storage.script import Query
from tests.contract.prompts_parts import NAME, kept, saying, text_of, with_versions

pytestmark = pytest.mark.anyio
AT_ONCE = 50


async def promote(prompts, *numbers):
    for number in numbers:
        await prompts.promote(NAME, number, "ana")


async def timeline(prompts):
    """What came into production in the place of what, the oldest first."""
    return [(each.version, each.replaced) for each in reversed(await prompts.promotions(NAME))]


async def test_fifty_promotions_at_once_leave_one_in_production(shared_url):
    async with with_versions(shared_url, 10) as prompts, kept(shared_url, prompts.project) as others:
        promoting = [
            (prompts if turn % 2 else others).promote(NAME, turn % 10 + 1, f"by {turn}") for turn in range(AT_ONCE)
        ]
        answers = await asyncio.gather(*promoting)
        told = await prompts.promotions(NAME)
        left = await prompts.states()
        prompt, version = await prompts.loaded(NAME, Which())

    assert [answer.state for answer in answers] == ["PRODUCTION"] * AT_ONCE
    assert [number for number, state in left.items() if state == "PRODUCTION"] == [told[0].version]
    assert prompt.production == version.number == told[0].version
    assert [each.number for each in told] == list(range(len(told), 0, -1))
    # Each took the place of the one before it: none was lost between two that passed each other.
    assert [each.replaced for each in told] == [*(each.version for each in told[1:]), None]
    assert [each.at for each in told] == sorted((each.at for each in told), reverse=True)


async def test_who_reads_while_versions_are_promoted_gets_one_whole(shared_url):
    read = []

    def seen_enough():
        return len(read) >= AT_ONCE and len(set(read)) > 2

    async def promote_on(prompts):
        while not seen_enough():
            for number in range(1, 6):
                await prompts.promote(NAME, number, "ana")

    async with with_versions(shared_url, 5) as prompts, kept(shared_url, prompts.project) as others:
        await promote(prompts, 1)
        promoting = asyncio.create_task(promote_on(prompts))
        while not seen_enough():
            prompt, version = await others.loaded(NAME, Which())
            read.append((prompt.production, version.state, text_of(version)))
        await promoting

    assert {each for each in read if each != (each[0], "PRODUCTION", f"I am {each[0]}")} == set()


async def test_rollbacks_at_once_each_go_one_step(shared_url):
    async with with_versions(shared_url, 6) as prompts:
        await promote(prompts, 1, 2, 3, 4, 5, 6)
        back = await asyncio.gather(*(prompts.rollback(NAME, "ana") for _ in range(5)))

        assert sorted(version.number for version in back) == [1, 2, 3, 4, 5]
        assert (await prompts.find(NAME)).production == 1


async def test_a_promotion_archives_the_one_before_and_says_when(shared_url):
    async with with_versions(shared_url, 2) as prompts:
        await promote(prompts, 1, 2)
        new, old = await prompts.versions(NAME)

    assert (new.state, old.state) == ("PRODUCTION", "ARCHIVED")
    assert new.promoted_at == new.updated_at == old.archived_at == old.updated_at
    assert (new.archived_at, old.promoted_at < old.archived_at) == (None, True)


async def test_promoting_the_one_in_production_changes_nothing(shared_url):
    async with with_versions(shared_url, 1) as prompts:
        first = await prompts.promote(NAME, 1, "ana")
        again = await prompts.promote(NAME, 1, "bob")

        assert first == again
        assert await timeline(prompts) == [(1, None)]


async def test_an_archived_version_may_come_back_even_one_that_never_was_in_production(shared_url):
    async with with_versions(shared_url, 2) as prompts:
        await prompts.archive(NAME, 1)
        await promote(prompts, 2, 1)
        back = await prompts.version(NAME, Which(label="PRODUCTION"))

    assert (back.number, back.archived_at) == (1, None)


async def test_archiving_takes_a_prompt_out_of_service(shared_url):
    async with with_versions(shared_url, 2) as prompts:
        await promote(prompts, 1)
        archived = await prompts.archive(NAME, 1)

        assert await prompts.archive(NAME, 1) == archived
        assert await prompts.states() == {2: "DRAFT", 1: "ARCHIVED"}
        assert (await prompts.find(NAME)).production is None
        with pytest.raises(PromptUnknown, match="no PRODUCTION version"):
            await prompts.loaded(NAME, Which())


async def test_two_rollbacks_go_two_steps_back_and_no_further_than_the_first(shared_url):
    async with with_versions(shared_url, 3) as prompts:
        await promote(prompts, 1, 2, 3)
        back = [(await prompts.rollback(NAME, "ana")).number for _ in range(2)]

        assert back == [2, 1]
        with pytest.raises(PromptInvalid, match="nothing to go back to"):
            await prompts.rollback(NAME, "ana")
        assert await timeline(prompts) == [(1, None), (2, 1), (3, 2), (2, 3), (1, 2)]
        assert await prompts.states() == {3: "ARCHIVED", 2: "ARCHIVED", 1: "PRODUCTION"}


async def test_a_promotion_after_a_rollback_is_rolled_back_to_where_that_went(shared_url):
    async with with_versions(shared_url, 4) as prompts:
        await promote(prompts, 1, 2, 3)
        await prompts.rollback(NAME, "ana")
        await promote(prompts, 4)
        back = [(await prompts.rollback(NAME, "ana")).number for _ in range(2)]

    assert back == [2, 1]


async def test_the_same_version_in_turns_is_a_step_each_time(shared_url):
    async with with_versions(shared_url, 2) as prompts:
        await promote(prompts, 1, 2, 1, 2)
        back = [(await prompts.rollback(NAME, "ana")).number for _ in range(3)]

    assert back == [1, 2, 1]


async def test_what_was_archived_in_production_can_be_rolled_back_but_not_to(shared_url):
    async with with_versions(shared_url, 3) as prompts:
        await promote(prompts, 1, 2)
        await prompts.archive(NAME, 2)
        back = await prompts.rollback(NAME, "ana")
        await prompts.archive(NAME, 1)
        await promote(prompts, 3)

        assert back.number == 1
        assert await timeline(prompts) == [(1, None), (2, 1), (1, None), (3, None)]
        with pytest.raises(PromptInvalid, match="version 3 took no other's place"):
            await prompts.rollback(NAME, "ana")


async def test_a_prompt_that_was_never_in_production_cannot_be_rolled_back(shared_url):
    async with with_versions(shared_url, 1) as prompts:
        with pytest.raises(PromptInvalid, match="ever in production"):
            await prompts.rollback(NAME, "ana")


async def test_versions_come_and_go_while_others_are_promoted(shared_url):
    async with with_versions(shared_url, 2) as prompts:
        await asyncio.gather(
            *(prompts.promote(NAME, turn % 2 + 1, "ana") for turn in range(10)),
            *(prompts.add(NAME, saying("new"), "bob") for _ in range(10)),
            *(prompts.relabel(NAME, turn % 2 + 1, ["beta"]) for turn in range(10)),
        )
        left = await prompts.states()

    assert sorted(left) == list(range(1, 13))
    assert list(left.values()).count("PRODUCTION") == 1


async def test_of_many_promotions_the_last_thousand_are_told(url):
    insert = "INSERT INTO prompt_promotions (number, version, at, author, prompt_id) VALUES (?, 1, ?, 'ana', ?)"

    async with with_versions(url, 1) as prompts:
        identity = (await prompts.find(NAME)).id

        def many():
            for number in range(1, 1_002):
                yield Query(insert, (number, "2026-01-01T00:00:00.000000+00:00", identity))

        await prompts.database.write(many)
        promotions = await prompts.promotions(NAME)

    assert [promotion.number for promotion in promotions] == list(range(1_001, 1, -1))


async def test_a_promotion_is_never_said_to_be_earlier_than_the_one_before(url):
    ahead = "2999-01-01T00:00:00.000000+00:00"

    async with with_versions(url, 2) as prompts:
        await promote(prompts, 1)
        # As a replica does whose clock is ahead.
        await prompts.database.write(lambda: (yield Query("UPDATE prompt_promotions SET at = ?", (ahead,))))
        await promote(prompts, 2)
        last, first = await prompts.promotions(NAME)

    assert last.at >= first.at
