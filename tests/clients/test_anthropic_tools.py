"""The vendor's own SDK calls the prompt tools: both ways to send a key, its errors, its retries (5.8, RL-4)."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from tests.gateway import Gateway
from tests.http.accounts import ORGANIZATION, Administrator, admin_key
from tests.http.tools import BETA, BODIES, GENERATE, IMPROVE, OUTLINE, PERMISSION, TASK, TEMPLATIZE, VALUES, said
from tests.upstream import Upstream

PROJECT = "proj-default"
# What a shell may have set must not reach the SDK.
ALONE = {"api_key": None, "auth_token": None}


@pytest.fixture(scope="module")
def admin(gateway: Gateway) -> Administrator:
    return Administrator(gateway, admin_key(gateway))


@pytest.fixture(scope="module")
def key(admin: Administrator) -> str:
    return admin.key(PROJECT, (PERMISSION,))["value"]


@pytest.fixture(scope="module", params=["api_key", "auth_token"])
def sdk(gateway: Gateway, key: str, request: pytest.FixtureRequest) -> Iterator[Anthropic]:
    with client_of(gateway, **{request.param: key}) as client:
        yield client


def client_of(gateway: Gateway, retries: int = 0, **credential: str) -> Anthropic:
    return Anthropic(**ALONE | credential, base_url=gateway.url, max_retries=retries, timeout=20)


def call(client: Anthropic, path: str, body: object) -> dict[str, Any]:
    # As SPEC 5.8 has it, word for word.
    answer = client.post(path, body=body, cast_to=object, options={"headers": {"anthropic-beta": BETA}})
    assert isinstance(answer, dict)
    return answer


def test_sdk_generates_a_prompt(sdk: Anthropic, upstream: Upstream) -> None:
    answer = call(sdk, "/v1/experimental/generate_prompt", {"task": upstream.expect(**said(OUTLINE))})

    assert answer["messages"][0]["role"] == "user"
    assert "{{DIET}}" in answer["messages"][0]["content"][0]["text"]
    assert answer["system"] == ""
    assert len(answer["usage"]) == 1
    assert answer["metering"]["pricing"]["total_cost"] > 0


def test_sdk_improves_a_prompt(sdk: Anthropic, upstream: Upstream) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": upstream.expect(**said(OUTLINE))}]}

    answer = call(sdk, IMPROVE, {"messages": [message], "system": "You are a chef.", "feedback": "shorter"})

    assert answer["messages"][0]["content"][0]["type"] == "text"
    assert answer["system"] == ""


def test_sdk_takes_the_values_out_of_a_prompt(sdk: Anthropic, upstream: Upstream) -> None:
    text = f"Translate hello to German. {upstream.expect(**said(VALUES))}"

    answer = call(sdk, TEMPLATIZE, {"messages": [{"role": "user", "content": text}]})

    assert answer["variable_values"] == {"WORD": "hello", "TARGET_LANGUAGE": "German"}
    assert answer["messages"][0]["content"][0]["text"].startswith("Translate {{WORD}} to {{TARGET_LANGUAGE}}.")


@pytest.mark.parametrize("path", BODIES)
def test_sdk_raises_its_own_error_for_each_status(gateway: Gateway, admin: Administrator, key: str, path: str) -> None:
    stranger, guest = (client_of(gateway, api_key=each) for each in ("sk-wrong", admin.key(PROJECT)["value"]))
    client = client_of(gateway, api_key=key)
    long = {"task": "x" * 4_000_000} | {"messages": [{"role": "user", "content": "x" * 4_000_000}]}
    rows = [
        (client, path, {}, anthropic.BadRequestError, 400, "invalid_request_error"),
        (stranger, path, BODIES[path], anthropic.AuthenticationError, 401, "authentication_error"),
        (guest, path, BODIES[path], anthropic.PermissionDeniedError, 403, "permission_error"),
        (client, "/v1/experimental/no_prompt", {}, anthropic.NotFoundError, 404, "not_found_error"),
        (client, path, long, anthropic.ContentTooLargeError, 413, "request_too_large"),
    ]

    for each, asked, body, kind, status, named in rows:
        with pytest.raises(kind) as caught:
            call(each, asked, body)
        error = caught.value
        assert (error.status_code, error.type, error.error_code) == (status, named, None)
        assert error.request_id == error.response.headers["x-request-id"]
        assert error.api_message


def test_sdk_knows_a_spent_budget_and_does_not_try_again(gateway: Gateway, admin: Administrator) -> None:
    project = admin.project()
    budget = {"scope": "project", "scope_id": project, "unit": "EUR", "limit": "0.000000001"}
    admin.made(f"{ORGANIZATION}/budgets", budget | {"window": "month", "kind": "hard"})
    client = client_of(gateway, retries=2, api_key=admin.key(project, (PERMISSION,))["value"])
    before = _refused(gateway)

    with pytest.raises(anthropic.RateLimitError) as caught:
        call(client, GENERATE, TASK)

    error = caught.value
    assert type(error).__name__ == "EnforcedSpendLimitReachedError"
    assert (error.type, error.error_code) == ("rate_limit_error", "enforced_spend_limit_reached")
    assert _refused(gateway) == before + 1


def test_sdk_reads_when_a_limit_lets_it_in_again(gateway: Gateway, admin: Administrator) -> None:
    project = admin.project()
    admin.call("PUT", f"{ORGANIZATION}/limits/project/{project}", {"requests_per_minute": 1})
    client = client_of(gateway, api_key=admin.key(project, (PERMISSION,))["value"])
    call(client, GENERATE, TASK)

    with pytest.raises(anthropic.RateLimitError) as caught:
        call(client, GENERATE, TASK)

    assert (caught.value.type, caught.value.error_code) == ("rate_limit_error", None)
    assert 0 < int(caught.value.response.headers["retry-after-ms"]) <= 60_000
    assert caught.value.response.headers["anthropic-ratelimit-requests-limit"] == "1"


def _refused(gateway: Gateway) -> int:
    """Return how many requests of the tool were answered with 429."""
    wanted = f'router_requests_total{{method="POST",route="{GENERATE}",status="429"}}'
    lines = [line for line in gateway.metrics().splitlines() if line.startswith(wanted)]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)
