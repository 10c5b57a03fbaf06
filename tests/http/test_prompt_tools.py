"""The prompt tools in the shapes of Anthropic: what they answer, by a model, and what it costs (5.1-5.3)."""

import pytest

from tests.gateway import Gateway
from tests.http.accounts import Administrator, Caller
from tests.http.tools import (
    ASK,
    BETA,
    BODIES,
    GENERATE,
    IMPROVE,
    OUTLINE,
    PERMISSION,
    PROJECT,
    TASK,
    TEMPLATIZE,
    VALUES,
    filled,
    post,
    said,
    texts,
)
from tests.upstream import USAGE, Upstream

CALL = {"input_tokens": USAGE["prompt_tokens"], "output_tokens": USAGE["completion_tokens"]}


@pytest.fixture(scope="module")
def writer(admin: Administrator) -> Caller:
    """A key that may use the tools."""
    return admin.caller(PROJECT, PERMISSION)


# 5.1.2, 5.1.3, M-2
def test_generated_prompt_has_the_vendors_shape_and_its_receipt(
    writer: Caller, upstream: Upstream, house: Gateway
) -> None:
    task = upstream.expect(**said(OUTLINE))

    response = post(writer, GENERATE, {"task": task}, anthropic_beta=BETA)

    answer = response.json()
    assert response.status_code == 200, answer
    assert set(answer) == {"messages", "system", "usage", "metering"}
    ((role, (text,)),) = texts(answer)
    assert role == "user"
    assert "{{DIET}}" in text
    assert answer["system"] == ""
    assert answer["usage"] == [CALL]
    receipt = answer["metering"]
    assert receipt["usage"]["total_tokens"] == USAGE["total_tokens"]
    assert receipt["attempts"] == 1
    assert "rule_based" not in receipt["warnings"]
    assert receipt["request_id"] == response.headers["request-id"] == response.headers["x-request-id"]
    row = house.row(receipt["request_id"])
    assert (row["agent"], row["status"]) == ("prompt_tools", "ok")
    assert float(row["cost_eur"]) == receipt["pricing"]["total_cost"] > 0
    assert f'router_tokens_total{{agent="prompt_tools",direction="output",model="{row["model"]}"}}' in house.metrics()


def test_prompt_that_judges_comes_with_the_beginning_of_its_answer(writer: Caller, upstream: Upstream) -> None:
    task = upstream.expect(**said(OUTLINE | {"judges": True}))

    answer = post(writer, GENERATE, {"task": task}).json()

    (user, _), (assistant, (prefill,)) = texts(answer)
    assert (user, assistant) == ("user", "assistant")
    assert prefill.strip()


# 5.6
def test_model_that_says_nothing_usable_is_paid_and_leaves_it_to_the_rules(writer: Caller, upstream: Upstream) -> None:
    task = upstream.expect(**said("no outline"))

    answer = post(writer, GENERATE, {"task": task}).json()

    assert "rule_based" in answer["metering"]["warnings"]
    assert answer["usage"] == [CALL, CALL]
    assert answer["metering"]["usage"]["total_tokens"] == 2 * USAGE["total_tokens"]
    assert task in texts(answer)[0][1][0]


def test_model_that_cannot_be_reached_leaves_it_to_the_rules_and_costs_nothing(
    writer: Caller, upstream: Upstream
) -> None:
    task = upstream.expect(status=500)

    answer = post(writer, GENERATE, {"task": task}).json()

    assert "rule_based" in answer["metering"]["warnings"]
    assert answer["usage"] == []
    assert answer["metering"]["pricing"]["total_cost"] == 0
    assert {call["status"] for call in answer["metering"]["calls"]} == {"error"}


# 5.2
def test_improved_prompt_is_one_message_of_the_user_with_what_the_system_said(
    writer: Caller, upstream: Upstream
) -> None:
    key = upstream.expect(**said(OUTLINE | {"variables": []}))
    blocks = [{"type": "text", "text": "Plan {{DIET}} meals."}, {"type": "text", "text": f"Mind {key}"}]
    messages = [{"role": "user", "content": blocks}, {"role": "user", "content": "Be quick."}]

    body = {"messages": messages, "system": "You are a chef.", "feedback": "say how much to buy"}
    answer = post(writer, IMPROVE, body).json()

    assert set(answer) == {"messages", "system", "usage", "metering"}
    ((role, (text,)),) = texts(answer)
    assert (role, answer["system"]) == ("user", "")
    assert "{{DIET}}" in text
    assert answer["usage"] == [CALL]
    asked = str(upstream.seen(key)[0].body)
    assert all(each in asked for each in ("You are a chef.", "Be quick.", "say how much to buy"))


# 5.3
def test_templatized_prompt_restores_what_was_given_turn_by_turn(writer: Caller, upstream: Upstream) -> None:
    key = upstream.expect(**said(VALUES))
    said_before = ["Translate hello", f"to German, {key}"]
    messages = [
        {"role": "user", "content": [{"type": "text", "text": text} for text in said_before]},
        {"role": "user", "content": "Answer in German."},
        {"role": "assistant", "content": "Here it is:"},
    ]
    system = "You translate from English to German."

    answer = post(writer, TEMPLATIZE, {"messages": messages, "system": system}).json()

    assert set(answer) == {"messages", "system", "usage", "metering", "variable_values"}
    values = answer["variable_values"]
    assert values == {"WORD": "hello", "TARGET_LANGUAGE": "German"}
    turns = texts(answer)
    assert [(role, len(blocks)) for role, blocks in turns] == [("user", 2), ("user", 1), ("assistant", 1)]
    assert turns[0][1][0] == "Translate {{WORD}}"
    assert answer["system"] == "You translate from English to {{TARGET_LANGUAGE}}."
    assert [filled(text, values) for _, blocks in turns for text in blocks] == [
        *said_before,
        "Answer in German.",
        "Here it is:",
    ]
    assert filled(answer["system"], values) == system


#
@pytest.mark.parametrize("path", BODIES)
def test_what_the_vendor_may_add_is_ignored(writer: Caller, path: str) -> None:
    added = {"target_model": "claude-3-7-sonnet-20250219", "tools": [], "betas": ["x"], "metadata": {"user_id": "x"}}

    response = post(writer, path, BODIES[path] | added, anthropic_beta="a, b", anthropic_version="2023-06-01")

    assert response.status_code == 200, response.text


def test_null_is_as_good_as_nothing(writer: Caller) -> None:
    nothing = {"system": None, "feedback": None, "target_model": None, "tools": None}
    block = {"type": "text", "text": "Translate hello", "cache_control": None}

    body = {"messages": [{"role": "user", "content": [block]}]} | nothing

    assert {post(writer, path, body).status_code for path in (IMPROVE, TEMPLATIZE)} == {200}


@pytest.mark.parametrize("path", BODIES)
def test_request_that_is_sent_again_gets_the_same_answer_and_is_charged_once(
    writer: Caller, upstream: Upstream, path: str
) -> None:
    key = upstream.expect(**said(VALUES))
    body = {"task": key} if path == GENERATE else {"messages": [{"role": "user", "content": f"hello {key}"}]}

    first, second = (post(writer, path, body, idempotency_key=f"once {key}") for _ in range(2))

    calls = len(first.json()["usage"])
    assert first.status_code == 200, first.text
    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["request-id"] == first.headers["request-id"]
    assert len(upstream.seen(key)) == calls


def test_token_may_use_the_tools_in_development_and_either_header_carries_it(house: Gateway) -> None:
    token = house.token()

    answers = [Caller(house, token, header).call("POST", GENERATE, TASK) for header in ("Authorization", "x-api-key")]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_body_of_one_tool_is_not_that_of_another(writer: Caller) -> None:
    assert post(writer, GENERATE, ASK).status_code == 400
    assert post(writer, IMPROVE, TASK).status_code == 400
