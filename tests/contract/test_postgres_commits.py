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
async def test_script_whose_commit_was_cut_runs_once_and_returns_its_result(url, how):
    async with wire_to(url) as (wire, through), opened(through) as database:
        add = asking("UPDATE revision SET number = number + 1 RETURNING number")
        await database.write(add)
        wire.cut = how

        assert await asyncio.gather(database.write(add)) == [[(3,)]]
        assert await database.write(add) == [(4,)]
    assert wire.cuts == 1
