"""A refusal has the shape and the language of the path it is written on."""

import json

import pytest

from accounts.errors import KeyUnknown, ProjectTaken, ScopeTooWide
from agents.errors import ModelUnavailable, PromptRefused, ProviderBusy
from router.credentials import masked
from router.errors import Answer, Refused, answer_to
from router.families import F1, F2, F3, Family, family_of
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
        ("/api/v1/run", F2),
        ("/api/v2", F1),
        ("/v1", F1),
    ],
)
def test_family_is_that_of_the_path(path: str, family: Family) -> None:
    assert family_of(path) is family


@pytest.mark.parametrize("code", TEXTS)
def test_every_code_has_every_shape(code: str) -> None:
    refused = Refused(code, "because", param="field")

    ours, prompts, openai = (body(answer_to(refused, "req_1", family)) for family in (F1, F2, F3))

    assert ours["status_code"] == TEXTS[code].status
    assert set(prompts) == {"success", "error"}
    assert prompts["success"] is False
    assert set(openai) == {"error"}
    assert set(openai["error"]) == {"message", "type", "param", "code"}


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
    assert openai[b"retry-after-ms"] == b"1200"
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
