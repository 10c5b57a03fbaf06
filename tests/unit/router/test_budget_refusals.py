import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from accounts.errors import BudgetSpent, FootprintUnknown
from metering.ledger import Remaining
from router.budget_headers import budget_headers
from router.errors import answer_to
from router.families import F1, F2, F3, Family

RESETS = datetime(2026, 12, 1, tzinfo=UTC)
SPENT = BudgetSpent("EUR", "project", Decimal("1E+1"), RESETS)


@pytest.mark.parametrize(
    ("unit", "scope", "f1", "f3"),
    [
        ("EUR", "organization", "budget_exceeded_eur", "organization_spend_limit_exceeded"),
        ("EUR", "project", "budget_exceeded_eur", "project_spend_limit_exceeded"),
        ("EUR", "key", "budget_exceeded_eur", "insufficient_quota"),
        ("gCO2e", "organization", "budget_exceeded_co2e", "organization_usage_limit_exceeded"),
        ("gCO2e", "project", "budget_exceeded_co2e", "insufficient_quota"),
        ("gCO2e", "key", "budget_exceeded_co2e", "insufficient_quota"),
    ],
)
def test_a_spent_budget_has_the_code_of_its_unit_and_of_its_owner(unit, scope, f1, f3):
    error = BudgetSpent(unit, scope, Decimal(10), RESETS)

    ours, openai = answer_to(error, "r1", F1), answer_to(error, "r1", F3)

    assert (ours.status, openai.status) == (429, 429)
    assert json.loads(ours.body)["error"]["code"] == f1
    fault = json.loads(openai.body)["error"]
    assert (fault["type"], fault["code"], fault["param"]) == ("insufficient_quota", f3, None)


# The Prompt Manager's 429 always says when (3.1.3): for a budget, when its window ends.
@pytest.mark.parametrize(("error", "family"), [(SPENT, F1), (SPENT, F3), *product([FootprintUnknown("key")], Family)])
def test_no_client_is_told_to_come_again_soon(error, family):
    headers = dict(answer_to(error, "r1", family).headers)

    assert headers[b"x-should-retry"] == b"false"
    assert b"retry-after" not in headers
    assert b"retry-after-ms" not in headers


def test_who_reads_it_learns_the_limit_and_when_it_resets():
    french = json.loads(answer_to(SPENT, "r1", F1).body)["detail"]
    english = json.loads(answer_to(SPENT, "r1", F2).body)["error"]

    assert "10 EUR pour le projet" in french
    assert "10 EUR for the project" in english
    assert all("2026-12-01T00:00:00+00:00" in text for text in (french, english))


def test_a_model_without_a_footprint_is_refused_where_grams_are_counted():
    answer = answer_to(FootprintUnknown("organization"), "r1", F1)

    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == (429, "budget_exceeded_co2e")
    assert "empreinte" in error["message"]


def test_headers_tell_what_is_left_in_plain_digits():
    assert budget_headers(Remaining(Decimal("1E-18"), Decimal("1E+3"))) == [
        (b"x-budget-eur-remaining", b"0.000000000000000001"),
        (b"x-budget-gco2eq-remaining", b"1000"),
    ]
    assert budget_headers(Remaining(None, Decimal(0))) == [(b"x-budget-gco2eq-remaining", b"0")]
    assert budget_headers(None) == []
