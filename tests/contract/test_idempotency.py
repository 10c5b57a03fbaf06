"""What is sent again gets the first answer again, on every database; what failed runs anew."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from accounts.errors import IdempotencyKeyReused, RequestRunning
from accounts.idempotency.idempotency import KEPT_NS, Asked, Idempotency, answer, release_of
from accounts.idempotency.store import Claim, Stored
from storage.clerk import Plain
from storage.script import Database, Script, T, Write
from tests.contract.databases import asking, opened, writing

pytestmark = pytest.mark.anyio

HEADERS = (("content-type", "text/event-stream"), ("x-request-id", "req-1"))
BODY = b'data: {"content": "\xc3\xa9\x00"}\n\n' * 3


class Later:
    """A database whose clock was put forward."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ahead_ns = 0

    def clock_ns(self) -> int:
        return self._database.clock_ns() + self.ahead_ns

    async def write(self, script: Callable[[], Script[T]]) -> T:
        return await self._database.write(script)

    async def read(self, script: Callable[[], Script[T]]) -> T:
        return await self._database.read(script)

    async def aclose(self) -> None:
        await self._database.aclose()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Later]:
    async with opened(url) as database:
        yield Later(database)


def asked(request_id: str = "req-1", *, key: str = "key", project: str = "proj-default", digest: str = "d1") -> Asked:
    return Asked(project, key, digest, request_id)


async def claimed(idempotency: Idempotency, request: Asked) -> Claim:
    found = await idempotency.claim(request)
    assert isinstance(found, Claim)
    return found


async def answered(database: Later, claim: Claim) -> None:
    statement, row = answer(claim, 200, HEADERS, BODY, database.clock_ns())

    def script() -> Script[None]:
        yield Write(statement, [row])

    await database.write(script)


async def test_of_many_at_once_one_runs(database: Later) -> None:
    processes = [Idempotency(database, f"owner-{number}") for number in range(3)]
    tries = [processes[number % 3].claim(asked(f"req-{number}")) for number in range(18)]

    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert len([each for each in outcomes if isinstance(each, Claim)]) == 1
    assert len([each for each in outcomes if isinstance(each, RequestRunning)]) == 17


async def test_the_answer_comes_again_to_the_byte(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    await answered(database, await claimed(idempotency, asked()))

    again = [await Idempotency(database, "other").claim(asked(f"req-{number}")) for number in (2, 3)]

    assert again == [Stored(200, HEADERS, BODY)] * 2


async def test_the_answer_is_there_once_its_unit_of_work_is(url: str) -> None:
    async with opened(url) as database, writing(url) as writer:
        idempotency = Idempotency(database, "owner")
        claim = await claimed(idempotency, asked())
        await writer.submit(Plain([answer(claim, 200, HEADERS, BODY, database.clock_ns())]), durable=True)

        assert await idempotency.claim(asked("req-2")) == Stored(200, HEADERS, BODY)


async def test_another_request_under_the_same_key_is_refused_before_and_after_the_answer(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    claim = await claimed(idempotency, asked())

    with pytest.raises(IdempotencyKeyReused):
        await idempotency.claim(asked("req-2", digest="d2"))
    await answered(database, claim)
    with pytest.raises(IdempotencyKeyReused):
        await idempotency.claim(asked("req-3", digest="d2"))


async def test_who_comes_back_too_soon_is_told_when_to_come(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    await claimed(idempotency, asked())

    with pytest.raises(RequestRunning) as running:
        await idempotency.claim(asked("req-2"))

    assert running.value.retry_after == 1


async def test_a_key_is_one_of_its_project(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    await answered(database, await claimed(idempotency, asked()))

    assert isinstance(await idempotency.claim(asked("req-2", project="proj-other", digest="d2")), Claim)


async def test_what_failed_runs_anew(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    await idempotency.release(await claimed(idempotency, asked()))

    assert isinstance(await idempotency.claim(asked("req-2")), Claim)


async def test_no_release_takes_an_answer_or_the_claim_of_another_try(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    first = await claimed(idempotency, asked())
    await idempotency.release(first)
    second = await claimed(idempotency, asked("req-2"))

    await idempotency.release(first)
    await answered(database, second)
    await idempotency.release(second)

    assert isinstance(await idempotency.claim(asked("req-3")), Stored)


async def test_who_was_thought_dead_does_not_overwrite_the_answer_of_the_next(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    late = await claimed(idempotency, asked())
    await idempotency.release(late)
    await answered(database, await claimed(idempotency, asked("req-2")))

    statement, row = answer(late, 200, (), b"late", database.clock_ns())

    def script() -> Script[None]:
        yield Write(statement, [row])

    await database.write(script)
    assert await idempotency.claim(asked("req-3")) == Stored(200, HEADERS, BODY)


async def test_what_the_dead_ran_runs_anew_and_what_they_answered_stays(database: Later) -> None:
    dead, living = Idempotency(database, "dead"), Idempotency(database, "living")
    await claimed(dead, asked(key="running"))
    await answered(database, await claimed(dead, asked("req-2", key="answered")))
    await claimed(living, asked("req-3", key="living"))

    def bury() -> Script[None]:
        yield release_of("dead")

    await database.write(bury)
    assert isinstance(await living.claim(asked("req-4", key="running")), Claim)
    assert isinstance(await living.claim(asked("req-5", key="answered")), Stored)
    with pytest.raises(RequestRunning):
        await living.claim(asked("req-6", key="living"))


async def test_an_answer_is_kept_for_a_day_and_no_longer(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    await answered(database, await claimed(idempotency, asked()))

    database.ahead_ns = KEPT_NS - 10**9
    assert isinstance(await idempotency.claim(asked("req-2")), Stored)
    database.ahead_ns = KEPT_NS + 10**9
    assert isinstance(await idempotency.claim(asked("req-3", digest="d2")), Claim)


async def test_what_is_over_is_deleted_in_time(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    for number in range(450):
        await claimed(idempotency, asked(f"req-{number}", key=f"key-{number}"))
    database.ahead_ns = KEPT_NS + 10**9
    await claimed(idempotency, asked("req-new", key="new"))

    pair = [asyncio.create_task(Idempotency(database, f"owner-{number}").run()) for number in range(2)]
    while len(left := await database.read(asking("SELECT key FROM idempotency"))) > 1:
        assert not [task for task in pair if task.done()]
    for task in pair:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert left == [("new",)]


async def test_a_claim_that_its_caller_did_not_wait_for_is_released(database: Later) -> None:
    idempotency = Idempotency(database, "owner")
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await idempotency.claim(asked())

    async def again() -> Claim | Stored:
        while True:
            with suppress(RequestRunning):
                return await idempotency.claim(asked("req-2"))

    running = asyncio.create_task(idempotency.run())
    async with asyncio.timeout(20):
        assert isinstance(await again(), Claim)
    running.cancel()
