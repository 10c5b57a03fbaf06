"""Two processes on one database: no limit passed between them, nothing held for requests that are no more."""

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from accounts.budgets.budgeted import Budgeted
from accounts.budgets.budgets import Budgets
from accounts.budgets.store import forget_empty
from accounts.errors import BudgetSpent
from accounts.gate.asking import Ask, Grant, Release
from accounts.gate.burying import adopt_orphans, bury
from accounts.gate.clerk import Clerk
from accounts.gate.gate import Gate
from accounts.limits.gcra import Rate
from accounts.limits.limits import Limits
from accounts.limits.store import Limit, write_limit
from accounts.revision import Revision
from metering.bound import Bound
from metering.held import Held
from metering.ledger import Ledger, admissions_in
from storage.errors import StorageDown, UnitRefused
from storage.leases import bury_expired
from storage.migrations import upgrade
from storage.script import Query
from tests.contract.databases import asking, opened, writing
from tests.unit.accounts.book import add_key, new
from tests.unit.metering.samples import entry

pytestmark = pytest.mark.anyio

EURO = Bound(Decimal(1), Decimal(0), 10)


def ask(request_id, **of):
    fields = {"opened_at": datetime.now(UTC), "project_id": "proj-default", "key_id": "key_1", "bound": EURO, **of}
    opening = msgspec.json.encode(entry(request_id).admission).decode()
    return Ask(**fields, opening=(request_id, opening))


async def rows(database, sql):
    return await database.read(asking(sql))


async def reserved(database):
    return sum(Decimal(amount) for (amount,) in await rows(database, "SELECT amount FROM holds"))


@asynccontextmanager
async def processes(url, count=2):
    """Writers of so many processes, each with a clerk of its own."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(writing(url, Clerk(f"owner-{number}", lists_open=True)))
            for number in range(count)
        ]


def gate_of(database, writer):
    revision = Revision(database)
    return Gate(
        database=database,
        writer=writer,
        limits=Limits(database, revision),
        budgeted=Budgeted(database, revision),
        rates=None,
        lists_open=True,
    )


async def test_a_key_never_runs_more_at_once_than_it_may_whoever_lets_in(url):
    async with opened(url) as database, processes(url, 4) as writers:
        await add_key(database, "key_1")
        await database.write(lambda: write_limit("key", "key_1", Limit(concurrent_requests=2)))
        for round_ in range(30):
            asked = [
                writer.submit(ask(f"r{round_}-{number}", running=2), durable=False)
                for number, writer in enumerate(writers)
            ]
            outcomes = await asyncio.gather(*asked)

            assert sorted(type(each).__name__ for each in outcomes) == ["Grant"] * 2 + ["TooManyRunning"] * 2
            given = [
                writer.submit(Release(Held(each.amounts)), durable=True)
                for writer, each in zip(writers, outcomes, strict=True)
                if isinstance(each, Grant)
            ]
            await asyncio.gather(*given)


async def test_what_was_buried_holds_nothing_once_its_entry_is_refused(url):
    async with opened(url) as database, processes(url, 1) as [writer]:
        await add_key(database, "key_1")
        await Budgets(database, "UTC", noticed_s=0).create(new("2", window="day"))
        grant = await writer.submit(ask("slept"), durable=False)
        await database.write(lambda: bury("owner-0", ()))
        ledger = Ledger(writer, None, Release)

        with pytest.raises(UnitRefused):
            await ledger.append(msgspec.structs.replace(entry("slept"), held=Held(grant.amounts)))
        after = [await writer.submit(ask(f"after-{number}"), durable=False) for number in range(2)]

        assert [type(each) for each in after] == [Grant, Grant]
        assert await reserved(database) == 2


async def test_who_stops_waiting_at_the_gate_leaves_nothing_behind(url):
    tokens = (Rate("tokens:key:key_1", 1000, 900),)
    async with opened(url) as database, processes(url, 1) as [writer]:
        await add_key(database, "key_1")
        await Budgets(database, "UTC", noticed_s=0).create(new("1", window="day"))
        gate = gate_of(database, writer)
        for number in range(3):
            waiting = asyncio.create_task(gate.ask(ask(f"left-{number}", running=1, rates=tokens)))
            await asyncio.sleep(0)  # until it waits
            waiting.cancel()
            await asyncio.wait([waiting])
            for _ in range(2):  # its grant, then what gives it back
                await writer.submit(Release(Held({})), durable=True)

            assert await rows(database, "SELECT request_id FROM open_requests") == []
            assert await reserved(database) == 0

        await gate.ask(ask("stays", running=1, rates=tokens))


async def test_who_wakes_from_the_dead_and_dies_again_is_buried_again(url):
    async with opened(url) as database, processes(url, 1) as [writer]:
        await add_key(database, "key_1")
        await Budgets(database, "UTC", noticed_s=0).create(new("1", window="day"))
        await writer.submit(ask("awake again"), durable=False)

        await database.write(lambda: adopt_orphans(database.clock_ns()))
        spared = await bury_expired(database, lambda owner: bury(owner, ()))
        await database.write(lambda: adopt_orphans(0))  # finds nobody new
        await database.write(asking("UPDATE owners SET lease_until_ns = 1"))
        closed = await bury_expired(database, lambda owner: bury(owner, ()))

        assert (spared, closed) == (0, 1)
        assert await reserved(database) == 0


async def test_a_run_of_a_dead_process_is_closed_with_the_version_that_it_ran(url):
    listed, noted, plain = (
        msgspec.structs.replace(entry(name).admission, prompt_id=prompt_id, prompt_version=version)
        for name, prompt_id, version in (("listed", "prm_1", 3), ("noted", "prm_1", 2**40), ("plain", None, None))
    )
    async with opened(url) as database, processes(url, 1) as [writer]:
        opening = ("listed", msgspec.json.encode(listed).decode())
        await writer.submit(msgspec.structs.replace(ask("listed"), opening=opening), durable=False)
        journal = admissions_in([msgspec.json.encode(noted), msgspec.json.encode(plain)])
        closed = await database.write(lambda: bury("owner-0", journal))
        left = await rows(database, "SELECT request_id, status, prompt_id, prompt_version FROM ledger ORDER BY 1")

    assert closed == 3
    assert left == [
        ("listed", "unknown", "prm_1", 3),
        ("noted", "unknown", "prm_1", 2**40),
        ("plain", "unknown", None, None),
    ]


async def test_burial_and_an_entry_of_the_buried_at_the_same_moment_leave_one_row(postgres_url):
    upgrade(postgres_url)
    awake = entry("awake")
    asleep = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"

    def settle():
        yield from Clerk("owner-0", lists_open=True).batch([awake], 1).script()
        yield Query("SELECT pg_sleep(0.5)")

    async with opened(postgres_url) as database:
        settling = asyncio.create_task(database.write(settle))
        while not await rows(database, asleep):
            assert not settling.done()

        closed = await database.write(lambda: bury("owner-0", [awake.admission]))
        await settling

        assert closed == 0
        assert await rows(database, "SELECT status FROM ledger") == [(awake.status,)]


async def test_what_was_let_in_is_held_whatever_the_server_forgets(postgres, postgres_url):
    upgrade(postgres_url)
    async with opened(postgres_url) as database, processes(postgres_url) as writers:
        await add_key(database, "key_1")
        await Budgets(database, "UTC", noticed_s=0).create(new("1", window="day"))
        granted = await writers[0].submit(ask("first"), durable=False)

        await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
        await asyncio.to_thread(postgres.start)
        outcome = None
        while outcome is None:
            with suppress(StorageDown):
                outcome = await writers[1].submit(ask("second"), durable=False)

        assert isinstance(granted, Grant)
        assert isinstance(outcome, BudgetSpent)


async def test_counters_of_what_is_over_do_not_pile_up(url):
    async with opened(url) as database, processes(url, 1) as [writer]:
        await add_key(database, "key_1")
        await Budgets(database, "UTC", noticed_s=0).create(new("3", window="day"))
        first, second = [await writer.submit(ask(f"r{number}"), durable=False) for number in range(2)]
        await writer.submit(Release(Held(first.amounts)), durable=True)
        await database.write(forget_empty)
        assert await reserved(database) == 1

        await writer.submit(Release(Held(second.amounts)), durable=True)
        await database.write(forget_empty)

        assert await rows(database, "SELECT * FROM holds") == []
        await writer.submit(ask("next"), durable=False)
        assert await reserved(database) == 1
