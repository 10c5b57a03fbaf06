"""Versions promoted from everywhere at once, on replicas that share a database, while they are run (3.3.1)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from tests.accounts.honest import Script
from tests.faults.served import until
from tests.gateway import Gateway
from tests.replicas import Key, Replicas

PROMOTIONS = 50
WORDS = {1: 11, 2: 22}  # how many tokens each version has said


@pytest.fixture(params=["trio", "pair"])
def replicas(request: pytest.FixtureRequest) -> Replicas:
    return request.getfixturevalue(request.param)


def kept(replicas: Replicas) -> Key:
    """Keep a prompt with two versions that cannot be mistaken for one another; the first is in production."""
    admin, key = replicas.admin, replicas.admin.key()
    said = [{"template": f"{Script(out=WORDS[number])} {{{{x}}}}", "config": config(number)} for number in WORDS]
    assert admin.call("POST", "/api/v1/prompts", {"name": "p", **said[0]}, key=key.value).status_code == 200
    assert admin.call("POST", "/api/v1/prompts/p/versions", said[1], key=key.value).status_code == 200
    promote(replicas, key, 1)
    return key


def config(number: int) -> dict[str, Any]:
    return {"model": "my-honest", "maxTokens": 100 * number}


def promote(replicas: Replicas, key: Key, number: int) -> None:
    path = f"/api/v1/prompts/p/versions/{number}/promote"
    promoted = replicas.admin.call("POST", path, key=key.value)
    assert promoted.status_code == 200, promoted.text


def ran(replicas: Replicas, key: Key, at: Gateway | None = None) -> int:
    """Run the prompt, and return the version that said it was and was."""
    answer = replicas.admin.call(
        "POST", "/api/v1/run", {"promptName": "p", "variables": {"x": 1}}, at=at, key=key.value
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["usage"]["output_tokens"] == WORDS[told["promptVersion"]]
    return told["promptVersion"]


def test_promotions_at_once_leave_one_version_in_production_and_runs_get_one_whole(replicas: Replicas) -> None:
    key, over = kept(replicas), Event()
    found: set[int] = set()

    def run_on() -> None:
        while not over.is_set():
            found.add(ran(replicas, key))

    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(run_on) for _ in range(3)]
        promotions = [pool.submit(promote, replicas, key, 1 + count % 2) for count in range(PROMOTIONS)]
        for promotion in promotions:
            promotion.result()
        # Which one is in force long enough to be run is chance: what chance has left out is promoted once more.
        for number in WORDS:
            if number not in found:
                promote(replicas, key, number)
                until(lambda number=number: number in found or any(run.done() for run in running), 30)
        over.set()
        for run in running:
            run.result()

    versions = replicas.admin.call("GET", "/api/v1/prompts/p/versions", key=key.value).json()["versions"]
    (there,) = [version["number"] for version in versions if version["state"] == "PRODUCTION"]
    assert found == {1, 2}
    assert {ran(replicas, key, at) for at in replicas.gateways} == {there}
    assert replicas.complaints() == []


@pytest.mark.prove
def test_promotion_that_is_answered_is_in_force_on_every_replica(replicas: Replicas) -> None:
    key = kept(replicas)
    for number in (2, 1):
        assert {ran(replicas, key, at) for at in replicas.gateways} == {3 - number}

        promote(replicas, key, number)

        assert {ran(replicas, key, at) for at in replicas.gateways for _ in range(4)} == {number}
