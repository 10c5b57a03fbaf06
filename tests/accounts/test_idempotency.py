"""The same request sent again under its `Idempotency-Key` is answered again, and paid once."""

import asyncio
import json
import secrets
from typing import Any

import pytest
import requests

from tests.accounts.asking import Ask, tell, tell_all
from tests.accounts.honest import Script, text_of
from tests.faults.served import until
from tests.faults.upstream import FaultyUpstream
from tests.gateway import Gateway, refused
from tests.replicas import LEASE_S, Key, Replicas

HOUSES = ["trio", "pair"]
VARYING = {"date", "server", "connection", "keep-alive", "transfer-encoding", "content-length"}


@pytest.fixture(params=HOUSES)
def house(request: pytest.FixtureRequest) -> Replicas:
    return request.getfixturevalue(request.param)


@pytest.fixture
def key(house: Replicas) -> Key:
    return house.admin.key()


def question(script: Script | None = None) -> str:
    """Make a message that was never sent before."""
    return f"once-{secrets.token_hex(6)} {script or Script()}"


def post(gateway: Gateway, key: Key, idempotency: str, fields: dict[str, Any]) -> requests.Response:
    headers = {"Authorization": f"Bearer {key.value}", "Idempotency-Key": idempotency}
    body = json.dumps({"model": "my-honest", "max_tokens": 50} | fields).encode()
    return requests.post(
        f"{gateway.url}/completion", body, headers=headers | {"Content-Type": "application/json"}, timeout=30
    )


def calls(vendor: FaultyUpstream, message: str) -> int:
    """Return how often the vendor was asked this."""
    return sum(message in text_of(request) for request in vendor.requests)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_same_request_gets_the_same_bytes_and_is_charged_once(
    house: Replicas, vendor: FaultyUpstream, key: Key, agent: str, *, stream: bool
) -> None:
    message, name = question(), secrets.token_hex(8)
    fields = {"message": message, "stream": stream, "agent": agent}

    first = post(house.next(), key, name, fields)
    assert first.status_code == 200, first.text
    asked = calls(vendor, message)
    again = [post(house.next(), key, name, fields) for _ in range(4)]

    assert [each.status_code for each in again] == [200] * 4
    assert [each.content == first.content for each in again] == [True] * 4
    assert {each.headers["Content-Type"] for each in again} == {first.headers["Content-Type"]}
    assert calls(vendor, message) == asked > 0
    assert house.count_of(key) == 1


def test_same_key_with_another_body_is_a_conflict(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    name, other = secrets.token_hex(8), question()
    assert post(house.next(), key, name, {"message": question()}).status_code == 200

    refusals = [post(house.next(), key, name, {"message": other}) for _ in range(3)]

    for response in refusals:
        refused(response, 409, "conflict")
    assert calls(vendor, other) == 0
    assert house.count_of(key) == 1


def test_same_key_of_another_project_is_another_request(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    message, name, stranger = question(), secrets.token_hex(8), house.admin.key()

    answers = [post(house.next(), each, name, {"message": message}) for each in (key, stranger)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 2
    assert calls(vendor, message) == 2
    assert [house.count_of(each) for each in (key, stranger)] == [1, 1]


def test_many_at_once_with_one_key_are_one_call(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    message, name = question(Script(ms=400)), secrets.token_hex(8)
    fields = {"message": message, "model": "my-honest", "max_tokens": 50}
    asks = [Ask(fields, key.value, headers={"Idempotency-Key": name}) for _ in range(12)]

    told = asyncio.run(tell_all(house.next, asks, 12))
    last = asyncio.run(tell(house.next(), asks[0]))

    assert {each.status for each in told} <= {200, 409}
    bodies = {each.answer.chunks[0] for each in told if each.status == 200}
    assert bodies == {last.answer.chunks[0]}
    assert {each.code for each in told if each.status == 409} <= {"conflict"}
    assert calls(vendor, message) == 1
    assert house.count_of(key) == 1


def test_refusals_are_not_kept(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    message, name = question(), secrets.token_hex(8)
    budget = house.admin.budget("0.000000001", scope="key", scope_id=key.id)
    refused(post(house.next(), key, name, {"message": message}), 429, "budget_exceeded_eur")
    assert calls(vendor, message) == 0

    house.admin.drop_budget(budget["id"])

    until(lambda: post(house.next(), key, name, {"message": message}).status_code == 200, 3)
    assert calls(vendor, message) == 1


@pytest.mark.parametrize("name", ["", "x" * 256, "é", "a\tb"], ids=["empty", "long", "not-ascii", "tab"])
def test_key_that_is_none_is_a_wrong_request_and_never_ignored(
    house: Replicas, vendor: FaultyUpstream, key: Key, name: str
) -> None:
    message = question()

    response = post(house.next(), key, name.encode().decode("latin-1"), {"message": message})

    refused(response, 400, "invalid_request")
    assert calls(vendor, message) == 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_retry_of_a_client_that_left_is_answered(
    house: Replicas, vendor: FaultyUpstream, key: Key, *, stream: bool
) -> None:
    message, name = question(Script(ms=1000)), secrets.token_hex(8)
    fields = {"message": message, "model": "my-honest", "max_tokens": 50, "stream": stream}
    left = Ask(fields, key.value, leaves_after=0.5, headers={"Idempotency-Key": name})
    assert asyncio.run(tell(house.next(), left)).answer is None

    until(lambda: post(house.next(), key, name, fields).status_code == 200, 5)

    again = post(house.next(), key, name, fields)
    assert again.status_code == 200
    assert calls(vendor, message) == 2
    assert sorted(row["status"] for row in house.rows_of(key.project)) == ["client_gone", "ok"]


def test_retry_after_a_kill_runs_anew(house: Replicas, vendor: FaultyUpstream, key: Key) -> None:
    message, name = question(Script(ms=1500)), secrets.token_hex(8)
    fields = {"message": message, "model": "my-honest", "max_tokens": 50}
    victim = house.gateways[0]

    async def killed() -> None:
        async with asyncio.TaskGroup() as group:
            lost = group.create_task(tell(victim, Ask(fields, key.value, headers={"Idempotency-Key": name})))
            await asyncio.to_thread(until, lambda: calls(vendor, message))
            await asyncio.to_thread(house.kill, 0)
        assert lost.result().answer is None

    asyncio.run(killed())
    victim.start()

    patience_s = LEASE_S + 5 if house.shared_database else 5
    until(lambda: post(house.next(), key, name, fields).status_code == 200, patience_s)
    assert calls(vendor, message) == 2
    until(lambda: house.count_of(key) == 2)
    assert sorted(row["status"] for row in house.rows_of(key.project)) == ["ok", "unknown"]
