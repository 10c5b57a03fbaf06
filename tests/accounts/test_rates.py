"""A limit of 500 a minute lets 500 pass, and what flows back meanwhile, however many replicas are asked."""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from itertools import repeat

import pytest

from tests.accounts.asking import Ask, Told, tell_all
from tests.accounts.honest import Script
from tests.faults.served import figure, until
from tests.gateway import refused
from tests.replicas import Key, Replicas
from tests.servers import ValkeyServer

A_MINUTE = 500
ASKED = 900
AT_ONCE = 30
A_SECOND = A_MINUTE / 60
TOKENS_A_MINUTE = 3000


def hammer(replicas: Replicas, key: Key, asked: int = ASKED) -> list[Told]:
    """Ask as fast as the machine can, each replica in its turn."""
    ask = Ask({"message": "Bonjour", "model": "my-ok", "max_tokens": 5}, key.value)
    return asyncio.run(tell_all(replicas.next, repeat(ask, asked), AT_ONCE))


def allowed(told: list[Told]) -> tuple[int, int]:
    """Return the fewest and the most that an exact limit lets pass, by when the requests were sent and answered.

    The first decision fell between the first sending and the first answer, the last one between the last sending and
    the last answer; each has its own earliest and latest moment, and the refill between them is what is unknown.
    """
    longest = max(each.ended for each in told) - min(each.began for each in told)
    shortest = max(each.began for each in told) - min(each.ended for each in told)
    return A_MINUTE + math.floor(shortest * A_SECOND), A_MINUTE + math.floor(longest * A_SECOND)


def assert_exact(told: list[Told], back_end: str) -> None:
    statuses = Counter(each.status for each in told)
    least, most = allowed(told)
    took = max(each.ended for each in told) - min(each.began for each in told)
    figure(f"{back_end}: {dict(statuses)} in {took:.2f} s; exact is from {least} to {most}")
    assert set(statuses) == {200, 429}
    # Whoever is refused for good must have been refused at the end, or the refill was not asked for.
    assert least <= statuses[200] <= most
    for each in told:
        if each.status == 429:
            assert each.code == "rate_limited"
            assert int(each.answer.headers["retry-after"]) >= 1
            assert each.answer.headers["x-ratelimit-limit"] == str(A_MINUTE)
            assert each.answer.headers["x-ratelimit-remaining"] == "0"


@pytest.fixture
def limited(request: pytest.FixtureRequest) -> Iterator[tuple[Replicas, Key]]:
    """A house, and a key whose project has the limit."""
    replicas: Replicas = request.getfixturevalue(request.param)
    key = replicas.admin.key()
    replicas.admin.limit(key.project, max_requests_per_1_minute=A_MINUTE)
    yield replicas, key
    replicas.admin.revoke(key)


# Must-show 3.
@pytest.mark.parametrize("limited", ["trio", "pair", "trio_with_valkey"], indirect=True)
def test_five_hundred_a_minute_are_five_hundred(limited: tuple[Replicas, Key], request: pytest.FixtureRequest) -> None:
    replicas, key = limited

    told = hammer(replicas, key)

    assert_exact(told, request.node.callspec.id)


@pytest.mark.parametrize("limited", ["trio", "pair", "trio_with_valkey"], indirect=True)
def test_headers_count_down_and_say_when_it_is_full_again(limited: tuple[Replicas, Key]) -> None:
    replicas, key = limited

    responses = [replicas.admin.client(key).ask("Bonjour", model="my-ok") for _ in range(4)]

    assert [response.status_code for response in responses] == [200] * 4
    left = [int(response.headers["X-RateLimit-Remaining"]) for response in responses]
    assert left[0] in {A_MINUTE - 1, A_MINUTE}
    assert left == sorted(left, reverse=True)
    assert {response.headers["X-RateLimit-Limit"] for response in responses} == {str(A_MINUTE)}
    assert all(int(response.headers["X-RateLimit-Reset"]) > 1_700_000_000 for response in responses)


@pytest.mark.parametrize("house", ["trio", "pair", "trio_with_valkey"])
def test_tokens_that_pass_are_never_more_than_the_limit_and_its_refill(
    request: pytest.FixtureRequest, house: str
) -> None:
    replicas: Replicas = request.getfixturevalue(house)
    key = replicas.admin.key()
    replicas.admin.limit(key.project, max_tokens_per_1_minute=TOKENS_A_MINUTE)
    script = Script(60, 5)
    ask = Ask({"message": f"Bonjour {script}", "model": "my-honest", "max_tokens": 60}, key.value)

    told = asyncio.run(tell_all(replicas.next, repeat(ask, 200), AT_ONCE))

    took = max(each.ended for each in told) - min(each.began for each in told)
    used = sum(row["input_tokens"] + row["output_tokens"] for row in replicas.rows_of(key.project))
    statuses = Counter(each.status for each in told)
    figure(f"{house}: {used} of {TOKENS_A_MINUTE} tokens used in {took:.2f} s, {dict(statuses)}")
    assert set(statuses) == {200, 429}
    # What a request did not use of its upper bound is given back: most of the limit can really be used.
    assert TOKENS_A_MINUTE // 2 < used <= TOKENS_A_MINUTE + took * TOKENS_A_MINUTE / 60


def test_without_valkey_each_process_limits_and_the_house_says_so(
    trio_with_valkey: Replicas, own_valkey: ValkeyServer
) -> None:
    admin = trio_with_valkey.admin
    key = admin.key()
    admin.limit(key.project, max_requests_per_1_minute=A_MINUTE)
    budget = admin.budget("0.000001", scope="key", scope_id=key.id)
    other = admin.key(key.project)

    own_valkey.stop()
    try:
        until(lambda: healths(trio_with_valkey, other) == {"degraded"}, 10)
        told = hammer(trio_with_valkey, other, 60)
        over = admin.client(key).ask("Bonjour", model="my-ok")
    finally:
        own_valkey.start()

    assert Counter(each.status for each in told) == Counter({200: 60})
    refused(over, 429, "budget_exceeded_eur")
    assert admin.figures(budget["id"])[1:3] == (0, 0)
    took = until(lambda: healths(trio_with_valkey, other) == {"healthy"}, 15)
    figure(f"healthy {took:.1f} s after Valkey came back")
    admin.drop_budget(budget["id"])


def healths(replicas: Replicas, key: Key) -> set[str]:
    """Return what each replica says of itself, after a request that needs its rates."""
    for gateway in replicas.gateways:
        replicas.admin.client(key, at=gateway).ask("Bonjour", model="my-ok")
    return {replicas.admin.call("GET", "/health", at=gateway).json()["status"] for gateway in replicas.gateways}
