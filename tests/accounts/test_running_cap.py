"""A key runs so many requests at once and no more, over all replicas, and a place is free again when one ends."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.accounts.asking import Ask, tell
from tests.faults.served import until, visits
from tests.faults.upstream import FaultyUpstream
from tests.gateway import refused
from tests.replicas import LEASE_S, Key, Replicas
from tests.wire import leave, posting

CAP = 3


@pytest.fixture(params=["trio", "pair"])
def house(request: pytest.FixtureRequest) -> Replicas:
    return request.getfixturevalue(request.param)


@pytest.fixture
def key(house: Replicas) -> Iterator[Key]:
    key = house.admin.key()
    house.admin.done("PUT", f"/v1/organization/limits/key/{key.id}", {"concurrent_requests": CAP})
    yield key
    house.admin.revoke(key)


def test_no_more_run_at_once_than_the_key_may(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    asks = [Ask({"message": key.id, "model": "my-hang"}, key.value, leaves_after=3) for _ in range(12)]

    async def all_at_once() -> list[int | None]:
        return [told.status for told in await asyncio.gather(*(tell(house.next(), ask) for ask in asks))]

    statuses = asyncio.run(all_at_once())

    assert len(visits(vendor, key.id)) == CAP
    # Those who run get no answer before they leave.
    assert sorted(statuses, key=str) == [429] * (12 - CAP) + [None] * CAP


def test_place_is_free_again_when_a_client_has_left(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    with ExitStack() as stack:
        wires = [
            stack.enter_context(posting(house.admin.client(key), message=key.id, model="my-hang")) for _ in range(CAP)
        ]
        until(lambda: len(visits(vendor, key.id)) == CAP)
        refusal = house.admin.client(key).ask("Bonjour", model="my-ok")
        refused(refusal, 429, "rate_limited")
        assert int(refusal.headers["Retry-After"]) >= 1

        leave(wires[0])

        until(lambda: house.admin.client(key).ask("Bonjour", model="my-ok").status_code == 200, 10)
        assert [house.admin.client(key).ask("Bonjour", model="my-ok").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("house", [pytest.param("trio", marks=pytest.mark.prove), "pair"], indirect=True)
def test_places_of_a_dead_replica_are_free_after_its_lease(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    victim = house.gateways[0]
    with ExitStack() as stack:
        for _ in range(CAP):
            stack.enter_context(posting(house.admin.client(key, at=victim), message=key.id, model="my-hang"))
        until(lambda: len(visits(vendor, key.id)) == CAP)
        assert house.admin.client(key).ask("Bonjour", model="my-ok").status_code == 429

        house.kill(0)
    victim.start()

    until(
        lambda: house.admin.client(key).ask("Bonjour", model="my-ok").status_code == 200,
        LEASE_S + 5 if house.shared_database else 5,
    )
