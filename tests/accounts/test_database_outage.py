"""PostgreSQL stops and comes back under load: 503 meanwhile and nothing else, and the books are whole."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable
from time import monotonic

import pytest

from tests.accounts.accounting import assert_booked_once, spent_by, statuses
from tests.accounts.asking import Ask, Told, tell
from tests.accounts.honest import Script
from tests.faults.served import figure, until
from tests.gateway import Gateway
from tests.replicas import Key, Replicas
from tests.servers import PostgresServer

AT_ONCE = 12
BEFORE_S, DOWN_S = 1.0, 5.5
RECOVERS_WITHIN_S = 15.0
HOWS = [signal.SIGINT, signal.SIGQUIT]


async def through_outage(
    replicas: Replicas, own_postgres: PostgresServer, key: Key, how: signal.Signals
) -> tuple[list[Told], float, float]:
    """Keep asking while the database is stopped and started; return what was told, and when it went and came."""
    told: list[Told] = []
    over, chance, moments = asyncio.Event(), random.Random(7), []

    async def work(name: int) -> None:
        number = 0
        while not over.is_set():
            number += 1
            fields = {
                "message": f"outage-{name}-{number} {Script(20, chance.randrange(5, 300))}",
                "model": "my-honest",
                "max_tokens": 30,
                "stream": chance.random() < 0.5,
            }
            each = await tell(replicas.next(), Ask(fields, key.value))
            told.append(each)
            await asyncio.sleep(0.02 if each.status == 200 else 0.1)

    async def stop_and_start() -> None:
        await asyncio.sleep(BEFORE_S)
        moments.append(monotonic())
        await asyncio.to_thread(own_postgres.stop, how)
        await asyncio.sleep(DOWN_S)
        await asyncio.to_thread(own_postgres.start)
        moments.append(monotonic())
        while not all_well_since(told, moments[1]):
            assert monotonic() - moments[1] < RECOVERS_WITHIN_S + 5, Counter((x.status, x.code) for x in told[-40:])
            await asyncio.sleep(0.05)
        over.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(stop_and_start())
        for name in range(AT_ONCE):
            group.create_task(work(name))
    return told, moments[0], moments[1]


def all_well_since(told: list[Told], moment: float) -> bool:
    """Whether the last dozen and more that were sent since then were all answered."""
    since = [each for each in told if each.began > moment]
    return len(since) > 3 * AT_ONCE and all(each.answered for each in since[-2 * AT_ONCE :])


@pytest.mark.parametrize("how", HOWS, ids=["stopped", "crashed"])
def test_stopped_database_is_503_and_comes_back_by_itself(
    trio: Replicas, own_postgres: PostgresServer, how: signal.Signals
) -> None:
    admin = trio.admin
    key = admin.key()
    budget = admin.budget("1000", scope="project", scope_id=key.project)

    told, went, came = asyncio.run(through_outage(trio, own_postgres, key, how))

    failed = [each for each in told if not each.answered]
    answered = [each for each in told if each.answered]
    recovered_s = max((each.ended for each in failed), default=came) - came
    until(lambda: admin.figures(budget["id"]).reserved == 0, 20)
    rows = trio.rows_of(key.project)
    figure(
        f"{how.name}: {len(answered)} answered, not: {dict(Counter((x.status, x.code) for x in failed))}; last failure "
        f"{recovered_s:+.1f} s after it came back; rows {statuses(rows)}"
    )
    assert {each.code for each in failed} == {"overloaded"}
    # A stream that had begun says so in its last event.
    assert {each.status for each in failed if not each.streamed} == {503}
    assert all(int(each.answer.headers["retry-after"]) >= 1 for each in failed if not each.streamed)
    assert any(went < each.began < came for each in failed)
    assert recovered_s < RECOVERS_WITHIN_S
    assert_booked_once(told, rows)
    assert admin.figures(budget["id"]).spent == spent_by(rows, "EUR")
    admin.drop_budget(budget["id"])
    assert trio.complaints() == []


def test_while_the_database_is_down_no_route_says_401_or_500(trio: Replicas, own_postgres: PostgresServer) -> None:
    admin = trio.admin
    key = admin.key()
    asked: list[Callable[[], tuple[int, str]]] = [
        *(lambda gateway=gateway: seen(trio, gateway, "/models", key.value) for gateway in trio.gateways),
        lambda: seen(trio, trio.gateways[0], "/usage", key.value),
        lambda: seen(trio, trio.gateways[0], "/v1/organization/projects"),
        lambda: seen(trio, trio.gateways[0], "/v1/organization/budgets"),
        lambda: seen(trio, trio.gateways[0], "/v1/organization/costs?start_time=1700000000"),
    ]

    own_postgres.stop()
    try:
        told = [ask() for ask in asked]
        for gateway in trio.gateways:
            until(lambda gateway=gateway: health_of(trio, gateway) == (200, "degraded"), 5)
    finally:
        own_postgres.start()

    # What a process remembers of a key it may go on serving for a moment; what it cannot know is 503.
    assert {status for status, _ in told} <= {200, 503}
    assert {status for status, _ in told[len(trio.gateways) :]} == {503}
    assert all(int(after or "0") >= 1 for status, after in told if status == 503)
    for gateway in trio.gateways:
        until(lambda gateway=gateway: seen(trio, gateway, "/v1/organization/budgets")[0] == 200, RECOVERS_WITHIN_S)
        until(lambda gateway=gateway: seen(trio, gateway, "/usage", key.value)[0] == 200, RECOVERS_WITHIN_S)
        until(lambda gateway=gateway: health_of(trio, gateway) == (200, "healthy"), RECOVERS_WITHIN_S)


def health_of(replicas: Replicas, gateway: Gateway) -> tuple[int, str]:
    response = replicas.admin.call("GET", "/health", at=gateway)
    return response.status_code, response.json()["status"]


def seen(replicas: Replicas, gateway: Gateway, path: str, *key: str) -> tuple[int, str]:
    response = replicas.admin.call("GET", path, at=gateway, **({"key": key[0]} if key else {}))
    return response.status_code, response.headers.get("Retry-After", "")
