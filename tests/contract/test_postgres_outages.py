"""PostgreSQL goes away under load and comes back: nothing that was to be kept is lost, nothing is in twice."""

import asyncio
import signal
from itertools import count
from time import monotonic

import pytest

from storage.clerk import Plain
from storage.errors import StorageDown
from storage.migrations import upgrade
from storage.statement import insert_into
from tests.contract.databases import asking, opened, projects, writing

pytestmark = pytest.mark.anyio

# A row without a key that could refuse its double.
ALERT = insert_into("doubles", ("name",), rank=0)


@pytest.fixture
def url(postgres, postgres_url):
    upgrade(postgres_url)
    postgres.psql("CREATE TABLE doubles (name TEXT)", postgres_url)
    return postgres_url


def unit(name):
    return Plain([(ALERT, (name,))])


async def lane(writer, name, handed, stopped):
    """Settle one after the other, each as soon as the one before is in or its wait is over."""
    for n in count():
        if stopped.is_set():
            return
        handed.append(f"{name}-{n}")
        await asyncio.wait([writer.submit(unit(handed[-1]), durable=True)])  # told, maybe, that it takes long


async def accepted_again(writer, name, seconds=5.0):
    until = monotonic() + seconds
    while monotonic() < until:
        done, _ = await asyncio.wait([writer.submit(unit(name), durable=False)])
        if done.pop().exception() is None:
            return True
    return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_no_durable_unit_is_lost_or_doubled_when_the_server_goes_away_under_load(postgres, url, how):
    handed, stopped = [], asyncio.Event()
    async with writing(url) as writer:
        lanes = [asyncio.create_task(lane(writer, n, handed, stopped)) for n in range(32)]
        for _ in range(3):
            await asyncio.wait(lanes, timeout=0.3)
            await asyncio.to_thread(postgres.stop, how)
            assert not await accepted_again(writer, "admission", 0.2)
            assert not writer.ready
            await asyncio.to_thread(postgres.start)
        stopped.set()
        await asyncio.gather(*lanes)

        assert await accepted_again(writer, "last")

    kept = postgres.psql("SELECT name FROM doubles WHERE name NOT IN ('admission', 'last')", url)
    assert len(handed) > 100
    assert sorted(kept) == sorted(handed)


async def test_server_that_is_away_is_told_and_scripts_run_again_once_it_is_back(postgres, url):
    async with opened(url) as database:
        assert await projects(database) == []

        postgres.stop()
        for attempt in (database.read, database.write, database.write_alone):
            with pytest.raises(StorageDown):
                await attempt(asking("SELECT 1"))

        postgres.start()
        assert await projects(database) == []
        await database.write(asking("UPDATE revision SET number = 7"))


async def test_restart_between_two_scripts_goes_unnoticed(postgres, url):
    async with opened(url) as database:
        await asyncio.gather(*(database.write(asking("UPDATE revision SET number = number + 1")) for _ in range(5)))

        postgres.stop(signal.SIGQUIT)
        postgres.start()

        await asyncio.gather(*(database.write(asking("UPDATE revision SET number = number + 1")) for _ in range(5)))
        assert await database.read(asking("SELECT number FROM revision")) == [(11,)]


async def test_lost_connection_under_a_writer_goes_unnoticed(postgres, url):
    async with writing(url) as writer:
        await writer.submit(unit("before"), durable=False)
        postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'router'")

        await writer.submit(unit("after"), durable=False)

    assert postgres.psql("SELECT name FROM doubles ORDER BY name", url) == ["after", "before"]


async def test_what_cannot_be_written_before_the_end_is_told_on_stderr(postgres, url, capsys):
    async with writing(url, seconds=0.3) as writer:
        await writer.submit(unit("before"), durable=True)
        postgres.stop()
        waiting = writer.submit(unit("unwritten"), durable=True)

    assert isinstance(waiting.exception(), StorageDown)
    assert '"unwritten"' in capsys.readouterr().err


async def test_who_waits_too_long_is_told_and_the_unit_lands_all_the_same(postgres, url):
    async with writing(url, patience_seconds=0.05) as writer:
        postgres.stop()
        with pytest.raises(StorageDown):
            await writer.submit(unit("late"), durable=True)

        postgres.start()
        assert await accepted_again(writer, "after")

    assert postgres.psql("SELECT name FROM doubles ORDER BY name", url) == ["after", "late"]


async def test_server_that_takes_writes_again_is_written_to_at_once(postgres, url):
    name = url.rpartition("/")[2]
    add = asking("UPDATE revision SET number = number + 1 RETURNING number")
    postgres.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with opened(url) as database:
        with pytest.raises(StorageDown):
            await database.write(add)

        postgres.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        assert await database.write(add) == [(2,)]
