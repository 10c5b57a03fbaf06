"""A refusal has the shape and the language of the path it is written on."""

import json
from typing import get_args

import pytest
from anthropic.types.shared.error_type import ErrorType

from accounts.errors import KeyUnknown, ProjectTaken, ScopeTooWide
from agents.errors import ModelUnavailable, PromptRefused, ProviderBusy
from router.credentials import masked
from router.errors import Answer, Refused, answer_to
from router.families import F1, F2, F3, F4, F5, Family, family_of
from router.texts import TEXTS
from storage.errors import StorageDown


def body(answer: Answer) -> dict[str, object]:
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/completion", F1),
        ("/v1/flow/run", F1),
        ("/v1/chat/completions", F3),
        ("/v1/organization/costs", F3),
        ("/v1/experimental/generate_prompt", F4),
        ("/v1/messages", F4),
        ("/v1/messages/count_tokens", F4),
        ("/v1/messagesx", F3),
        ("/api/v1/run", F2),
        ("/api/public/v2/prompts", F5),
        ("/api/v2", F1),
        ("/v1", F1),
    ],
)
def test_family_is_that_of_the_path(path: str, family: Family) -> None:
    assert family_of(path) is family


@pytest.mark.parametrize("code", TEXTS)
def test_every_code_has_every_shape(code: str) -> None:
    refused = Refused(code, "because", param="field")

    ours, prompts, openai, anthropic, langfuse = (body(answer_to(refused, "req_1", family)) for family in Family)

    assert ours["status_code"] == TEXTS[code].status
    assert set(prompts) == {"success", "error"}
    assert prompts["success"] is False
    assert set(openai) == {"error"}
    assert set(openai["error"]) == {"message", "type", "param", "code"}
    assert set(anthropic) == {"type", "error", "request_id"}
    assert (anthropic["type"], anthropic["request_id"]) == ("error", "req_1")
    assert anthropic["error"]["type"] in get_args(ErrorType) or anthropic["error"]["type"] == "request_too_large"
    assert anthropic["error"]["message"] == openai["error"]["message"] == langfuse["message"] == prompts["error"]
    assert langfuse["error"].endswith("Error")


ANTHROPIC = {
    "invalid_request": (400, "invalid_request_error"),
    "unauthorized": (401, "authentication_error"),
    "forbidden": (403, "permission_error"),
    "not_found": (404, "not_found_error"),
    "body_too_large": (413, "request_too_large"),
    "rate_limited": (429, "rate_limit_error"),
    "budget_exceeded_eur": (429, "rate_limit_error"),
    "internal": (500, "api_error"),
    "provider_error": (500, "api_error"),
    "provider_timeout": (504, "timeout_error"),
    "overloaded": (529, "overloaded_error"),
    "model_unavailable": (529, "overloaded_error"),
}


@pytest.mark.parametrize(("code", "told"), ANTHROPIC.items())
def test_anthropics_clients_read_their_own_status_and_type(code: str, told: tuple[int, str]) -> None:
    answer = answer_to(Refused(code, "because"), "req_1", F4)

    assert (answer.status, body(answer)["error"]["type"]) == told
    assert {(b"request-id", b"req_1"), (b"x-request-id", b"req_1")} <= set(answer.headers)


@pytest.mark.parametrize("code", ["budget_exceeded_eur", "budget_exceeded_co2e"])
def test_a_spent_budget_has_the_code_that_anthropics_clients_know(code: str) -> None:
    answer = answer_to(Refused(code, "spent"), "req_1", F4)

    assert body(answer)["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}
    assert (b"x-should-retry", b"false") in answer.headers


def test_langfuses_clients_are_asked_for_the_credential_that_they_have() -> None:
    answer = answer_to(Refused("unauthorized"), "req_1", F5)

    assert dict(answer.headers)[b"www-authenticate"] == b"Basic"
    assert body(answer)["error"] == "UnauthorizedError"


@pytest.mark.parametrize("code", ["budget_exceeded_eur", "budget_exceeded_co2e"])
def test_a_spent_budget_is_not_to_be_tried_again(code: str) -> None:
    answer = answer_to(Refused(code, "spent", openai=("insufficient_quota", "project_spend_limit_exceeded")), "r", F3)

    assert (b"x-should-retry", b"false") in answer.headers
    assert answer.status == 429
    assert body(answer)["error"]["code"] == "project_spend_limit_exceeded"


def test_a_limit_says_when_to_come_back_to_the_millisecond_where_clients_read_that() -> None:
    refused = Refused("rate_limited", "500 a minute", retry_after=1.2, headers={"X-RateLimit-Limit": "500"})

    ours, openai = dict(answer_to(refused, "r", F1).headers), dict(answer_to(refused, "r", F3).headers)

    assert ours[b"retry-after"] == openai[b"retry-after"] == b"2"
    assert ours[b"x-ratelimit-limit"] == b"500"
    assert openai[b"retry-after-ms"] == dict(answer_to(refused, "r", F4).headers)[b"retry-after-ms"] == b"1200"
    assert b"x-should-retry" not in openai


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (KeyUnknown(), 404, "There is no such key."),
        (ProjectTaken("p"), 409, "There is a project of this id already: p."),
        (ScopeTooWide("model:gpt-4o"), 403, "model:gpt-4o"),
        (StorageDown("secret path"), 503, "try again later"),
        (ProviderBusy(), 429, "the model's provider limits it"),
        (PromptRefused("secret"), 400, "the model's provider refuses it"),
        (ModelUnavailable("set OPENAI_API_KEY"), 503, "set OPENAI_API_KEY"),
        (ValueError("secret"), 500, "Internal error"),
    ],
)
def test_a_failure_below_is_told_without_what_it_must_not_say(error: Exception, status: int, told: str) -> None:
    answer = answer_to(error, "r", F3)

    assert answer.status == status
    assert told in body(answer)["error"]["message"]
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        ("sk-proj-" + "x" * 40 + "wxyz", "sk-proj-****wxyz"),
        ("sk_" + "x" * 40 + "wxyz", "sk_****wxyz"),
        ("short", "****"),
        ("a" * 60 + '"\n<>', "********"),
    ],
)
def test_a_credential_is_never_repeated_whole(credential: str, shown: str) -> None:
    assert masked(credential) == shown
