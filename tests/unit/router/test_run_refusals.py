"""A run refuses with the seed's statuses alone, and a failure of whoever is below it is a failure of the run."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.errors import AccountError, BudgetSpent, IdempotencyKeyReused, RequestRunning, TooManyRunning
from agents.errors import (
    AgentError,
    AnswerCut,
    ModelUnavailable,
    PromptRefused,
    PromptTooLong,
    ProviderBusy,
    ProviderDown,
    ProviderTimeout,
)
from agents.prompts.errors import PromptInvalid, VariablesMissing
from router.credentials import refusal_of, refusal_of_expired
from router.errors import STATUS, Refused
from router.metered import STOPPING
from router.run_refusals import RUNS
from router.texts import TEXTS
from storage.errors import StorageDown

SEEDS = {200, 400, 401, 403, 404, 429, 500}
OF_HTTP = {405, 413, 431}  # what any server answers, whatever is behind it
KEY = b"sk_" + b"x" * 40 + b"wxyz"


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (VariablesMissing("Missing variables: a, b"), 400, "Missing variables: a, b"),
        (PromptInvalid("no"), 400, "no"),
        (Refused("request_timeout"), 400, "came in too slowly"),
        (Refused("unsupported_media_type", "send application/json"), 400, "send application/json"),
        (IdempotencyKeyReused(), 400, "Idempotency-Key"),
        (RequestRunning(), 429, "try again for its answer"),
        (refusal_of(KEY), 401, "sk_****wxyz"),
        (refusal_of_expired(KEY), 403, "Access denied: the key has expired; make a new one"),
        (TooManyRunning(3), 429, "at most 3 requests"),
        (BudgetSpent("EUR", "key", Decimal(1), datetime(2026, 12, 1, tzinfo=UTC)), 429, "budget in EUR"),
        (ModelUnavailable("définissez OPENAI_API_KEY"), 500, "the model of this version is not available"),
        (ProviderBusy(), 500, "limits its rate"),
        (PromptRefused("secret"), 500, "the model's provider refuses the prompt"),
        (PromptTooLong(9, 8, 1), 500, "too long for the model"),
        (AnswerCut(), 500, "broke off"),
        (ProviderDown("secret"), 500, "The model's provider failed"),
        (ProviderTimeout(), 500, "did not answer in time"),
        (StorageDown("secret"), 500, "try again later"),
        (STOPPING, 500, "try again later"),
        (ValueError("secret"), 500, "Internal error"),
    ],
)
def test_error_is_told_in_one_english_sentence(error: Exception, status: int, told: str) -> None:
    answer = RUNS.answer_to(error, "req_1")

    assert answer.status == status
    body = json.loads(answer.body)
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    assert told in body["error"]
    assert "secret" not in body["error"]
    assert RUNS.fault_of(error, "req_1").message == body["error"] or status == 401


@pytest.mark.parametrize("code", TEXTS)
def test_no_code_has_a_status_that_the_seed_does_not_know(code: str) -> None:
    assert RUNS.answer_to(Refused(code, "because"), "req_1").status in SEEDS | OF_HTTP


@pytest.mark.parametrize("kind", [kind for kind in STATUS if issubclass(kind, AgentError)])
def test_whatever_fails_of_the_model_is_a_server_error(kind: type[AgentError]) -> None:
    error = kind(1, 1, 1) if kind is PromptTooLong else kind()

    assert RUNS.answer_to(error, "req_1").status == 500


def test_what_is_to_be_tried_again_says_when() -> None:
    for error in (RequestRunning(), TooManyRunning(1)):
        assert dict(RUNS.answer_to(error, "req_1").headers)[b"retry-after"] == b"1"


def test_a_refusal_of_the_accounts_is_told_in_their_own_words() -> None:
    class Odd(AccountError):
        """This is odd."""

    assert RUNS.answer_to(Odd(), "req_1").status == 400


def test_spent_budget_says_when_its_window_ends() -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)

    answer = RUNS.answer_to(BudgetSpent("EUR", "key", Decimal(1), ends), "req_1")

    headers = {name.decode(): value.decode() for name, value in answer.headers}
    assert 3500 < int(headers["retry-after"]) <= 3600
    assert headers["x-should-retry"] == "false"
