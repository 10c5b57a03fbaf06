"""Rate limits as a caller meets them, set by the vendor's own client and by the command (1.6, 6.2, 6.4)."""

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from openai import OpenAI, PermissionDeniedError

from tests.admin import ADMIN_KEY, Admin, read
from tests.gateway import SECRET, Client, Gateway, refused, run, vendors
from tests.upstream import Upstream

NOTICED_S = 1.0
MODEL = "gpt-4o"


@pytest.fixture(scope="module")
def limited(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway where every key has a default limit, so high that only its headers are noticed."""
    secrets = {"ROUTER_JWT_SECRET": SECRET, "ROUTER_ADMIN_KEY": ADMIN_KEY}
    return gateway_with(**vendors(upstream), **secrets, ROUTER_DEFAULT_RPM="1000", ROUTER_DEFAULT_TPM="1000000")


@pytest.fixture
def organization(limited: Gateway) -> Iterator[Any]:
    with OpenAI(base_url=f"{limited.url}/v1", api_key="unused", admin_api_key=ADMIN_KEY, max_retries=0) as client:
        yield client.admin.organization


@pytest.fixture
def caller(limited: Gateway, organization: Any) -> SimpleNamespace:
    """A key of a project of its own."""
    project = organization.projects.create(name="limited")
    made = organization.projects.service_accounts.create(project.id, name="caller")
    return SimpleNamespace(project=project.id, key=made.api_key.id, client=Client(limited, made.api_key.value))


def passed_until_refused(client: Client) -> tuple[int, Any]:
    """Ask until a limit that was just set refuses; the first answers may have been given without it."""
    until, passed = time.monotonic() + 30, 0
    while time.monotonic() < until:
        answer = client.ask("Bonjour", model=MODEL)
        if answer.status_code == 429:
            return passed, answer
        assert answer.status_code == 200, answer.text
        if answer.headers["X-RateLimit-Limit"] != "1000":
            passed += 1
    raise AssertionError("nothing was refused")


def test_every_answer_tells_how_the_limits_stand(caller):
    first, second = (caller.client.ask("Bonjour", model=MODEL) for _ in range(2))

    assert first.headers["X-RateLimit-Limit"] == "1000"
    assert first.headers["X-RateLimit-Remaining"] == "999"
    assert second.headers["X-RateLimit-Remaining"] in {"998", "999"}  # some of it may be back
    assert abs(int(first.headers["X-RateLimit-Reset"]) - time.time()) < 30
    assert first.headers["X-RateLimit-Limit-Tokens"] == "1000000"
    assert 900_000 < int(first.headers["X-RateLimit-Remaining-Tokens"]) < 1_000_000


def test_tokens_that_were_not_used_are_given_back(caller):
    used = [
        caller.client.ask("Bonjour", model=MODEL, max_tokens=4000).json()["usage"]["total_tokens"] for _ in range(3)
    ]

    remaining = int(caller.client.ask("Bonjour", model=MODEL, max_tokens=5).headers["X-RateLimit-Remaining-Tokens"])

    assert remaining > 1_000_000 - sum(used) - 1000


def test_the_limit_of_a_project_refuses_all_its_keys_once_it_is_reached(caller, organization, limited):
    organization.projects.rate_limits.update_rate_limit(
        "rl-default", project_id=caller.project, max_requests_per_1_minute=3
    )

    passed, answer = passed_until_refused(caller.client)

    assert passed == 3
    error = refused(answer, 429, "rate_limited")
    assert "ce projet" in error["message"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 20
    assert answer.headers["X-RateLimit-Limit"] == "3"
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert "x-should-retry" not in answer.headers
    other = organization.projects.service_accounts.create(caller.project, name="other").api_key
    assert Client(limited, other.value).ask("Bonjour", model=MODEL).status_code == 429


def test_a_limit_of_tokens_refuses_what_may_not_fit(caller, limited):
    body = {"tokens_per_minute": 6000}
    set_ = Admin(limited).call("PUT", f"/v1/organization/limits/key/{caller.key}", body)
    assert read(set_)["tokens_per_minute"] == 6000

    time_left = time.monotonic() + 30
    answers = []
    while not answers or answers[-1].status_code == 200:
        assert time.monotonic() < time_left
        answers.append(caller.client.ask("Bonjour " * 1000, model=MODEL, max_tokens=5))

    assert "tokens" in refused(answers[-1], 429, "rate_limited")["message"]
    assert answers[-1].headers["X-RateLimit-Limit-Tokens"] == "6000"


def test_the_command_lifts_a_limit_for_a_running_gateway(caller, limited):
    done = run(limited.folder, "limits", "set", "key", caller.key, "--requests", "1", "--json", env=limited.env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["requests_per_minute"] == 1
    passed_until_refused(caller.client)

    cleared = run(limited.folder, "limits", "clear", "key", caller.key, env=limited.env)
    assert cleared.returncode == 0, cleared.stderr

    until = time.monotonic() + NOTICED_S
    while caller.client.ask("Bonjour", model=MODEL).status_code != 200:
        assert time.monotonic() < until


def test_an_ordinary_key_sees_and_sets_no_limits(caller, limited):
    with (
        OpenAI(
            base_url=f"{limited.url}/v1", api_key="unused", admin_api_key=caller.client.token, max_retries=0
        ) as client,
        pytest.raises(PermissionDeniedError),
    ):
        client.admin.organization.projects.rate_limits.list_rate_limits(caller.project)
    assert caller.client.get("/v1/organization/limits").status_code == 403
