"""A commit whose connection is lost is found out: in or not in, each unit is in once and has its outcome."""

import asyncio

import pytest

from storage.clerk import Plain
from storage.migrations import upgrade
from storage.statement import insert_into
from tests.contract.cut import wire_to
from tests.contract.databases import asking, opened, writing

pytestmark = pytest.mark.anyio

DOUBLE = insert_into("doubles", ("name",), rank=0)


@pytest.fixture
def url(postgres, postgres_url):
    upgrade(postgres_url)
    postgres.psql("CREATE TABLE doubles (name TEXT)", postgres_url)
    return postgres_url


@pytest.fixture
def kept(postgres, url):
    return lambda: postgres.psql("SELECT name FROM doubles ORDER BY name", url)


@pytest.mark.parametrize("how", ["unsent", "unanswered"])
@pytest.mark.parametrize("durable", [True, False])
async def test_unit_whose_commit_was_cut_is_in_once(url, kept, how, durable):
    async with wire_to(url) as (wire, through), writing(through) as writer:
        await writer.submit(Plain([(DOUBLE, ("a",))]), durable=durable)
        wire.cut = how
        await writer.submit(Plain([(DOUBLE, ("b",))]), durable=durable)
        await writer.submit(Plain([(DOUBLE, ("c",))]), durable=durable)

    assert wire.cuts == 1
    assert kept() == ["a", "b", "c"]


async def test_commit_that_the_server_reads_late_is_not_in_beside_the_second_try(url, kept):
    async with wire_to(url) as (wire, through), writing(through) as writer:
        wire.cut = "late"
        await writer.submit(Plain([(DOUBLE, ("a",))]), durable=True)
        wire.deliver.set()
        await wire.delivered.wait()
        await writer.submit(Plain([(DOUBLE, ("b",))]), durable=True)

    assert wire.cuts == 1
    assert kept() == ["a", "b"]


@pytest.mark.parametrize("how", ["unsent", "unanswered"])
async def test_who_waits_for_a_commit_that_was_cut_is_told_once_it_is_known(url, kept, how):
    async with wire_to(url) as (wire, through), writing(through, patience_seconds=0.05) as writer:
        await writer.submit(Plain([(DOUBLE, ("a",))]), durable=False)
        wire.cut, wire.shut = how, True
        admission = writer.submit(Plain([(DOUBLE, ("b",))]), durable=False)
        done, _ = await asyncio.wait([admission], timeout=0.3)

        assert not done
        assert not writer.ready
        wire.shut = False
        await admission

    assert kept() == ["a", "b"]


async def test_server_that_no_longer_answers_is_told_and_the_unit_is_in_once_over_another_connection(url, kept):
    async with wire_to(url) as (wire, through), writing(through, answer_seconds=0.2) as writer:
        await writer.submit(Plain([(DOUBLE, ("a",))]), durable=True)
        wire.cut = "unheard"
        await writer.submit(Plain([(DOUBLE, ("b",))]), durable=True)
        wire.deliver.set()

    assert wire.cuts == 1
    assert kept() == ["a", "b"]


async def test_process_that_froze_in_a_transaction_does_not_keep_others_from_writing(url):
    add = asking("UPDATE revision SET number = number + 1 RETURNING number")
    async with wire_to(url) as (wire, through), opened(through) as frozen, opened(url) as other:
        wire.cut = "unheard"
        waiting = asyncio.create_task(frozen.write(add))
        while not wire.cuts:
            await asyncio.wait([waiting], timeout=0.01)

        assert await other.write(add) == [(2,)]

        waiting.cancel()
        wire.deliver.set()


@pytest.mark.parametrize("how", ["unsent", "unanswered"])
async def test_script_whose_commit_was_cut_runs_once_and_returns_its_result(url, how):
    async with wire_to(url) as (wire, through), opened(through) as database:
        add = asking("UPDATE revision SET number = number + 1 RETURNING number")
        await database.write(add)
        wire.cut = how

        assert await asyncio.gather(database.write(add)) == [[(3,)]]
        assert await database.write(add) == [(4,)]
    assert wire.cuts == 1
