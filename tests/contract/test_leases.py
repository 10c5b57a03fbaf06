"""Leases: who renews lives, who stops is buried once, who slept through its burial lives anew and knows it."""

import asyncio
import logging
from time import monotonic

import pytest

from storage.errors import StorageDown
from storage.leases import Lease, bury_expired, bury_released
from storage.migrations import upgrade
from storage.script import Query
from tests.contract.databases import asking, opened

pytestmark = pytest.mark.anyio


def burying(buried):
    """Take a while over each burial, so that two who bury meet."""

    def bury(owner):
        yield Query("SELECT COUNT(*) FROM ledger")
        buried.append(owner)
        return 1

    return bury


async def owners(database):
    return [name for (name,) in await database.read(asking("SELECT id FROM owners ORDER BY id"))]


async def test_living_process_is_not_buried(url):
    async with opened(url) as database:
        lease = Lease(database, "me")
        await lease.take()
        await lease.renew()

        assert lease.held
        assert await bury_expired(database, burying([])) == 0
        assert await owners(database) == ["me"]


async def test_dead_processes_are_buried_once_by_many_that_try(url):
    buried = []
    async with opened(url) as database:
        dead = [Lease(database, f"dead{n}", seconds=-1) for n in range(3)]
        await asyncio.gather(*(lease.take() for lease in dead), Lease(database, "alive").take())

        closed = await asyncio.gather(*(bury_expired(database, burying(buried)) for _ in range(4)))

        assert sum(closed) == 3
        assert sorted(buried) == ["dead0", "dead1", "dead2"]
        assert await owners(database) == ["alive"]


async def test_burial_that_fails_leaves_the_dead_for_the_next(url):
    def fail(owner):
        yield Query("SELECT 1")
        raise LookupError(owner)

    async with opened(url) as database:
        await Lease(database, "dead", seconds=-1).take()
        with pytest.raises(LookupError):
            await bury_expired(database, fail)

        assert await bury_expired(database, burying([])) == 1


async def test_process_that_ends_in_order_is_buried_at_once(url):
    async with opened(url) as database:
        lease = Lease(database, "me")
        await lease.take()
        await lease.release()

        assert not lease.held
        assert await bury_expired(database, burying([])) == 1


async def test_process_that_slept_through_its_burial_lives_anew_and_says_so(url, caplog):
    revived = []
    async with opened(url) as database:
        lease = Lease(database, "sleeper", seconds=0.03)
        await lease.take()
        until = monotonic() + 5
        while not await bury_expired(database, burying([])):
            assert monotonic() < until

        with caplog.at_level(logging.ERROR):
            keeping = asyncio.create_task(lease.keep(lambda: revived.append("me")))
            while not revived:
                await asyncio.wait([keeping], timeout=0.01)
                assert monotonic() < until
            keeping.cancel()

        assert "sleeper" in caplog.messages[0]
        assert await owners(database) == ["sleeper"]


async def test_lease_is_kept_through_an_outage(postgres, postgres_url):
    upgrade(postgres_url)
    async with opened(postgres_url) as database:
        lease = Lease(database, "me", seconds=0.3)
        await lease.take()
        keeping = asyncio.create_task(lease.keep())
        await asyncio.to_thread(postgres.stop)
        with pytest.raises(StorageDown):
            await lease.renew()
        await asyncio.wait([keeping], timeout=0.3)
        assert not lease.held

        await asyncio.to_thread(postgres.start)
        until = monotonic() + 5
        while not lease.held:
            await asyncio.wait([keeping], timeout=0.01)
            assert monotonic() < until
        keeping.cancel()


async def test_who_ended_in_order_is_told_from_who_is_silent(url):
    buried = []
    async with opened(url) as database:
        silent, ended = Lease(database, "silent", seconds=-1), Lease(database, "ended")
        await silent.take()
        await ended.take()
        await ended.release()

        assert await bury_released(database, burying(buried)) == 1
        assert buried == ["ended"]


async def test_outage_is_no_sign_of_anybody_s_death(postgres, postgres_url):
    upgrade(postgres_url)
    async with opened(postgres_url) as database:
        lease = Lease(database, "me", seconds=0.3)
        began = monotonic()
        await lease.take()
        assert not lease.steady
        while not lease.steady:
            await lease.renew()
        assert monotonic() - began >= 0.3

        await asyncio.to_thread(postgres.stop)
        with pytest.raises(StorageDown):
            await lease.renew()
        await asyncio.to_thread(postgres.start)
        back = monotonic()
        await lease.renew()
        assert not lease.steady
        while not lease.steady:
            await lease.renew()

        assert monotonic() - back >= 0.3
