"""What the prompt tools refuse, in the shapes of Anthropic: who may not, what is wrong, what is spent (5.4)."""

from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.admin import ADMIN_KEY
from tests.gateway import SECRET, Gateway
from tests.http.accounts import ORGANIZATION, Administrator, Caller
from tests.http.tools import (
    ASK,
    BETA,
    BODIES,
    EXPERIMENTAL,
    GENERATE,
    IMPROVE,
    KEPT,
    PERMISSION,
    PROJECT,
    TASK,
    TEMPLATIZE,
    filled,
    post,
    refused,
    said,
    texts,
)
from tests.upstream import Upstream

ALL = pytest.mark.parametrize("path", BODIES)
OF_MESSAGES = pytest.mark.parametrize("path", [IMPROVE, TEMPLATIZE])
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}
CACHED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
USER, ASSISTANT = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


@pytest.fixture(scope="module")
def writer(admin: Administrator) -> Caller:
    return admin.caller(PROJECT, PERMISSION)


@pytest.fixture(scope="module")
def bare(gateway_with: Callable[..., Gateway]) -> Gateway:
    """A gateway in production that reaches no model at all and wants the beta to be named."""
    settings = {"ROUTER_ENVIRONMENT": "production", "ROUTER_JWT_SECRET": SECRET, "ROUTER_ADMIN_KEY": ADMIN_KEY}
    return gateway_with(**settings, ROUTER_KEY_PEPPER=SECRET[::-1], ROUTER_REQUIRE_BETA="true")


@pytest.fixture(scope="module")
def keeper(bare: Gateway) -> Caller:
    return Administrator(bare, ADMIN_KEY).caller(PROJECT, PERMISSION)


# 401
@ALL
def test_nobody_wrong_keys_and_administrators_are_unknown(admin: Administrator, path: str) -> None:
    for credential in (None, "sk-proj-" + "x" * 48, "sk_wrong", "a.b.c", admin.credential):
        response = post(Caller(admin.gateway, credential), path, BODIES[path])

        assert refused(response, 401, "authentication_error")
        assert response.headers["WWW-Authenticate"] == "Bearer"


# 403
@ALL
def test_key_without_the_permission_is_told_which(admin: Administrator, path: str) -> None:
    for scopes in ((), ("keys",), ("surface:prompts", "model:gpt-4o")):
        response = post(admin.caller(PROJECT, *scopes), path, BODIES[path])

        assert PERMISSION in refused(response, 403, "permission_error")


# 404, 405
def test_unknown_tools_and_other_methods_are_refused_in_the_same_shape(writer: Caller) -> None:
    assert refused(post(writer, f"{EXPERIMENTAL}/invent_prompt", TASK), 404, "not_found_error")
    response = writer.call("GET", GENERATE)
    assert refused(response, 405, "invalid_request_error")
    assert response.headers["Allow"] == "POST"


# 400
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the body is not valid JSON"),
        (b'{"task": "\\ud800"}', "the body is not valid JSON"),
        (b'{"x": ' + b"[" * 5_000, "the JSON is too deep"),
        ([], "must be an object"),
        ({}, "required field 'task' is missing"),
        ({"task": None}, "'task' must be a string"),
        ({"task": " \n"}, "'task' must not be empty"),
        ({"task": "x" * 200_001}, "'task' is too long: at most 200000 characters"),
        (TASK | {"target_model": ""}, "'target_model' has a value out of bounds"),
        (TASK | {"target_model": "m" * 257}, "'target_model' has a value out of bounds"),
        (TASK | {"target_model": 1}, "'target_model' must be a string or null"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_task_that_is_not_as_it_must_be_is_named(writer: Caller, body: object, told: str) -> None:
    assert told in refused(post(writer, GENERATE, body), 400, "invalid_request_error")


@OF_MESSAGES
@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (None, "'messages' must be an array"),
        ([], "'messages' must have one message at least"),
        ([USER | {"role": "system"}], "'messages[0].role' has a value that is not allowed"),
        ([USER | {"content": ""}], "'messages[0].content' must not be empty"),
        ([USER | {"content": []}], "'messages[0].content' must have one block at least"),
        ([USER | {"content": [{"type": "text"}]}], "required field 'messages[0].content[0].text' is missing"),
        ([USER | {"content": [IMAGE]}], "'messages[0].content[0]': images are not supported"),
        ([USER | {"content": [{"type": "document"}]}], "documents are not supported"),
        ([USER | {"content": [{"type": "tool_result", "content": "x"}]}], "tool results are not supported"),
        ([USER, ASSISTANT | {"content": [{"type": "tool_use", "id": "x"}]}], "tool calls are not supported"),
        ([USER | {"content": [{"type": "thinking"}]}], "blocks of type 'thinking' are not supported"),
        ([USER | {"content": [CACHED]}], "'messages[0].content[0].cache_control' is not supported"),
        ([ASSISTANT, USER], "'messages[0]' must be of the user"),
        ([USER, ASSISTANT, USER], "'messages[1]' must be of the user: only contiguous user messages"),
        ([ASSISTANT], "'messages[0]' must be of the user"),
        ([USER] * 1_001, "'messages' has too many blocks of text: at most 1000 in all"),
        ([USER | {"content": "x" * 100_000}] * 3, "'messages' is too long: at most 200000 characters in all"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_message_that_is_not_as_it_must_be_is_named(writer: Caller, path: str, messages: object, told: str) -> None:
    assert told in refused(post(writer, path, {"messages": messages}), 400, "invalid_request_error")


@OF_MESSAGES
def test_tools_are_refused_by_name(writer: Caller, path: str) -> None:
    response = post(writer, path, ASK | {"tools": [{"name": "search"}]})

    assert "'tools' are not supported" in refused(response, 400, "invalid_request_error")


def test_body_that_is_not_said_to_be_json_is_refused(writer: Caller) -> None:
    response = post(writer, GENERATE, b"task=x", content_type="application/x-www-form-urlencoded")

    assert "application/json" in refused(response, 415, "invalid_request_error")


# 413
@ALL
def test_body_of_32_megabytes_is_refused_before_it_is_sent(writer: Caller, path: str) -> None:
    connection = HTTPConnection(urlsplit(writer.gateway.url).netloc, timeout=10)
    connection.putrequest("POST", path)
    for name, value in (("x-api-key", writer.credential), ("content-type", "application/json")):
        connection.putheader(name, value)
    connection.putheader("content-length", str(32 << 20))
    connection.endheaders()

    response = connection.getresponse()

    assert response.status == 413
    assert b'"type":"request_too_large","message":"Request body too large: at most 4000000 bytes"' in response.read()
    connection.close()


# 429
def test_limit_of_requests_is_told_in_the_vendors_headers(admin: Administrator) -> None:
    project = admin.project()
    caller = admin.caller(project, PERMISSION)
    admin.call("PUT", f"{ORGANIZATION}/limits/project/{project}", {"requests_per_minute": 1})

    allowed, stopped = (post(caller, TEMPLATIZE, ASK) for _ in range(2))

    assert allowed.status_code == 200
    assert allowed.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert "limit 1, used 1" in refused(stopped, 429, "rate_limit_error")
    assert "details" not in stopped.json()["error"]
    assert 1 <= int(stopped.headers["retry-after"]) <= 60
    assert int(stopped.headers["retry-after-ms"]) <= 60_000
    assert "x-should-retry" not in stopped.headers
    for headers in (allowed.headers, stopped.headers):
        assert headers["anthropic-ratelimit-requests-limit"] == "1"
        assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
        assert not any(name.lower().startswith("x-ratelimit") for name in headers)


@pytest.mark.parametrize("unit", ["EUR", "gCO2e"])
def test_spent_budget_is_not_to_be_tried_again_and_asks_nobody(
    admin: Administrator, upstream: Upstream, unit: str
) -> None:
    project, task = admin.project(), upstream.expect()
    budget = {"scope": "project", "scope_id": project, "unit": unit, "limit": "0.000000001"}
    admin.made(f"{ORGANIZATION}/budgets", budget | {"window": "month", "kind": "hard"})

    response = post(admin.caller(project, PERMISSION), GENERATE, {"task": task})

    assert refused(response, 429, "rate_limit_error")
    assert response.json()["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}
    assert response.headers["x-should-retry"] == "false"
    assert upstream.seen(task) == []


def test_budget_that_covers_the_calls_of_a_tool_lets_it_work(admin: Administrator, upstream: Upstream) -> None:
    project, task = admin.project(), upstream.expect(**said("no outline"))
    # Two calls of 600 tokens of gpt-4o, not one of the 4,096 that an answer may have elsewhere.
    budget = {"scope": "project", "scope_id": project, "unit": "EUR", "limit": "0.03", "window": "month"}
    admin.made(f"{ORGANIZATION}/budgets", budget | {"kind": "hard"})

    response = post(admin.caller(project, PERMISSION), GENERATE, {"task": task})

    assert response.status_code == 200, response.text
    assert len(upstream.seen(task)) == 2


# 5.1.4
@ALL
@pytest.mark.parametrize("beta", [None, "", "prompt-tools", "prompt-tools-2025-04-02x", "other-2025-01-01"])
def test_beta_must_be_named_where_the_gateway_says_so(keeper: Caller, path: str, beta: str | None) -> None:
    headers = {} if beta is None else {"anthropic_beta": beta}

    assert BETA in refused(post(keeper, path, BODIES[path], **headers), 400, "invalid_request_error")


def test_beta_may_be_one_of_a_list_or_of_several_headers(keeper: Caller) -> None:
    assert post(keeper, GENERATE, TASK, anthropic_beta=f"one-2024-01-01 , {BETA}").status_code == 200
    connection = HTTPConnection(urlsplit(keeper.gateway.url).netloc, timeout=10)
    connection.putrequest("POST", GENERATE)
    body = b'{"task": "a chef"}'
    told = [("x-api-key", keeper.credential), ("content-type", "application/json"), ("content-length", str(len(body)))]
    for name, value in [*told, ("Anthropic-Beta", "one-2024-01-01"), ("Anthropic-Beta", BETA)]:
        connection.putheader(name, value)
    connection.endheaders(body)

    assert connection.getresponse().status == 200
    connection.close()


# 5.6
@ALL
def test_gateway_that_reaches_no_model_answers_by_the_rules_and_nothing_is_made_up(keeper: Caller, path: str) -> None:
    response = post(keeper, path, BODIES[path], anthropic_beta=BETA)

    answer = response.json()
    assert response.status_code == 200, answer
    assert (answer["usage"], answer["metering"]["warnings"]) == ([], ["rule_based"])
    assert answer["metering"]["attempts"] == answer["metering"]["usage"]["total_tokens"] == 0
    assert answer["metering"]["pricing"] == {"currency": "EUR", "total_cost": 0, "by_model": {}}
    assert answer["metering"]["emissions_kgCO2eq"] == 0
    assert answer["metering"]["calls"] == []
    assert texts(answer)[0][1][0]
    if path == TEMPLATIZE:
        assert filled(texts(answer)[0][1][0], answer["variable_values"]) == "Translate hello to German"


def test_such_a_request_is_in_the_books_as_what_it_was(keeper: Caller, bare: Gateway) -> None:
    receipt = post(keeper, GENERATE, TASK, anthropic_beta=BETA).json()["metering"]

    row = bare.row(receipt["request_id"])
    assert (row["agent"], row["model"], row["status"]) == ("prompt_tools", "rule_based", "ok")
    assert row["cost_eur"] == row["output_tokens"] == 0


def test_beta_is_not_asked_for_where_prompts_are_kept(keeper: Caller) -> None:
    assert post(keeper, KEPT, TASK).status_code == 200
