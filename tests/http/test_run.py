"""`POST /api/v1/run`: a prompt of the project is run by its name, with its receipt (3.1, 3.3)."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import requests

from accounts.revision import FRESH_FOR_S
from agents.messages import Message
from agents.prompts.prompt import Content, Draft, NewPrompt
from tests.gateway import exact
from tests.http.accounts import Administrator, Caller
from tests.http.prompts import Team, draft, failed, team
from tests.upstream import STORY, USAGE, Upstream

FIELDS = {"success", "output", "promptVersion", "durationMs", "model", "usage", "metadata"}


@pytest.fixture(scope="module")
def shop(admin: Administrator) -> Team:
    return team(admin)


def asked(upstream: Upstream, prompt: str) -> dict[str, Any]:
    (seen,) = upstream.seen(prompt)
    return seen.body


# 3.1.2, M-1, M-11
def test_answer_is_the_seeds_with_its_receipt_beside(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect()
    name = shop.published(prompt + " Bonjour {{nom_utilisateur}}", "Tu es {{ métier }}.")

    response = shop.run(name, {"nom_utilisateur": "Steph", "métier": "poli", "extra": 1})

    body = exact(response.text)
    assert response.status_code == 200, response.text
    assert set(body) == FIELDS
    assert (body["success"], body["output"], body["promptVersion"], body["model"]) == (
        True,
        "".join(STORY),
        1,
        "gpt-4o",
    )
    assert {body["usage"][name] for name in ("input_tokens", "prompt_tokens")} == {USAGE["prompt_tokens"]}
    receipt = body["metadata"]
    assert body["durationMs"] == round(receipt["latency_s"] * 1000)
    assert isinstance(body["durationMs"], int)
    assert response.headers["X-Cost-EUR"] == f"{receipt['pricing']['total_cost']:f}"
    assert response.headers["X-Request-Id"] == receipt["request_id"]
    messages = asked(upstream, prompt)["messages"]
    assert [message["content"] for message in messages] == ["Tu es poli.", prompt + " Bonjour Steph"]
    assert asked(upstream, prompt)["temperature"] == 0.7


def test_run_is_in_the_books_with_its_prompt_and_version(shop: Team, upstream: Upstream) -> None:
    name = shop.published(upstream.expect())

    receipt = exact(shop.run(name).text)["metadata"]

    row = shop.booked(receipt["request_id"])
    prompt = shop.written(lambda kept: kept.find(shop.project_id, name))
    assert (row["prompt_id"], row["prompt_version"]) == (prompt.id, 1)
    assert (row["route"], row["agent"], row["project_id"]) == ("/api/v1/run", "V2", shop.project_id)
    assert Decimal(row["cost_eur"]) == receipt["pricing"]["total_cost"]
    assert (row["status"], row["output_tokens"]) == ("ok", receipt["usage"]["output_tokens"])


def test_usage_counts_what_the_runs_receipts_say(admin: Administrator, upstream: Upstream) -> None:
    fresh = team(admin)
    name = fresh.published(upstream.expect())

    costs = [exact(fresh.run(name).text)["metadata"]["pricing"]["total_cost"] for _ in range(2)]

    usage = exact(Caller(fresh.gateway, fresh.key).call("GET", "/usage").text)
    assert (usage["requests"], usage["cost_eur"]) == (2, sum(costs))


# 3.2.1: what the version says, and nothing else, decides how it is run.
def test_version_is_run_with_its_own_settings(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect()
    settings = {"model": "mistral-large-latest", "temperature": 0.0, "max_tokens": 77, "top_p": 0.5}
    penalties = {"frequency_penalty": 0.25, "presence_penalty": -0.25}
    name = shop.published(prompt, **settings, **penalties)

    response = shop.run(name)

    body = asked(upstream, prompt)
    assert response.json()["model"] == "mistral-large-latest"
    assert {key: body[key] for key in (*settings, *penalties)} == settings | penalties


def test_agent_of_the_version_answers(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect()
    name = shop.published(prompt, agent="V1")

    receipt = shop.run(name).json()["metadata"]

    # V1 plans before it answers.
    assert len(upstream.seen(prompt)) == len(receipt["calls"]) == 2
    assert shop.booked(receipt["request_id"])["agent"] == "V1"


def test_chat_is_asked_as_it_stands_whoever_speaks_last(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect()
    said = (Message("user", prompt), Message("assistant", "Oui, {{nom}} ?"), Message("system", "Sois {{ton}}."))
    chat = Draft(content=Content(said, "chat"))
    shop.written(lambda kept: kept.create_with(shop.project_id, NewPrompt(name="Chat"), chat, "tests"))
    shop.written(lambda kept: kept.promote(shop.project_id, "Chat", 1, "tests"))

    response = shop.run("Chat", {"nom": "Zoé", "ton": "bref"})

    assert response.status_code == 200, response.text
    turns = [(message["role"], message["content"]) for message in asked(upstream, prompt)["messages"]]
    assert turns == [("user", prompt), ("assistant", "Oui, Zoé ?"), ("system", "Sois bref.")]


# 3.3.3, 3.3.4: one pass, nothing executed, values as JSON writes them.
def test_values_are_text_and_are_not_expanded_again(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect()
    name = shop.published(prompt + " {{a}}|{{b}}|{{c}}|{{7*7}}|{% if %}|{{a.__class__}}")

    shop.run(name, {"a": "{{b}}", "b": True, "c": 1.5})

    assert asked(upstream, prompt)["messages"][-1]["content"].endswith(
        "{{b}}|true|1.5|{{7*7}}|{% if %}|{{a.__class__}}"
    )


# 3.3.2
@pytest.mark.parametrize("written", ["Re\u0301sume\u0301 d'été", "  Résumé d'été "])
def test_name_is_found_in_any_spelling_of_its_letters(admin: Administrator, upstream: Upstream, written: str) -> None:
    fresh = team(admin)
    fresh.published(upstream.expect(), name="Résumé d'été")

    assert fresh.run(written).status_code == 200


# 3.3.5
def test_label_and_number_choose_another_version(shop: Team, upstream: Upstream) -> None:
    name = shop.published(upstream.expect(pieces=("un",)))
    shop.added(name, draft(upstream.expect(pieces=("deux",))))
    shop.written(lambda kept: kept.relabel(shop.project_id, name, 2, ["staging"]))

    answers = [
        shop.run(name, **chosen).json() for chosen in ({}, {"label": "staging"}, {"label": "latest"}, {"version": 1})
    ]

    assert [(answer["promptVersion"], answer["output"]) for answer in answers] == [
        (1, "un"),
        (2, "deux"),
        (2, "deux"),
        (1, "un"),
    ]


# `POST …/versions/{n}/run`, also of a name with a slash.
def test_draft_is_tried_before_anybody_gets_it(shop: Team, upstream: Upstream) -> None:
    shop.drafted(upstream.expect() + "{{x}}", name="mails/été")
    path = "/api/v1/prompts/mails%2F%C3%A9t%C3%A9/versions/{}/run"

    tried = shop.post({"variables": {"x": 1}}, path.format(1))

    assert tried.status_code == 200, tried.text
    assert set(tried.json()) == FIELDS
    row = shop.booked(tried.headers["X-Request-Id"])
    assert (row["route"], row["prompt_version"]) == ("/api/v1/prompts/{name}/versions/{number}/run", 1)
    assert failed(shop.post({}, path.format(1)), 400) == "Invalid request: Missing variables: x"
    assert failed(shop.post({}, path.format(2)), 404) == "Prompt 'mails/été' not found or has no version 2"
    assert "whole number" in failed(shop.post({}, path.format("x")), 400)
    assert failed(shop.run("mails/été"), 404) == "Prompt 'mails/été' not found or has no PRODUCTION version"


def test_same_request_sent_again_is_answered_again_and_paid_once(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect()
    name, key = shop.published(prompt), uuid.uuid4().hex

    first, second = [shop.post({"promptName": name}, **{"Idempotency-Key": key}) for _ in range(2)]
    other = shop.post({"promptName": name, "stream": True}, **{"Idempotency-Key": key})

    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.content == second.content
    assert len(upstream.seen(prompt)) == 1
    assert "Idempotency-Key" in failed(other, 400)


def test_key_of_one_prompt_is_not_the_answer_of_another(shop: Team, upstream: Upstream) -> None:
    names = [shop.drafted(upstream.expect(pieces=(said,))) for said in ("un", "deux")]
    header = {"Idempotency-Key": uuid.uuid4().hex}

    first, second = [shop.post({}, f"/api/v1/prompts/{name}/versions/1/run", **header) for name in names]

    assert first.json()["output"] == "un"
    assert "Idempotency-Key" in failed(second, 400)


# 3.3.1: a run has one version or the other, whole.
def test_run_during_promotions_gets_one_version_whole(shop: Team, upstream: Upstream) -> None:
    one, two = upstream.expect(pieces=("un",)), upstream.expect(pieces=("deux",))
    name = shop.published(one, "version 1 {{x}}", max_tokens=1)
    shop.added(name, draft(two, "version 2 {{x}}", max_tokens=2))

    def promote(count: int) -> None:
        shop.written(lambda kept: kept.promote(shop.project_id, name, 1 + count % 2, "tests"))

    answers: list[requests.Response] = []
    with ThreadPoolExecutor(8) as pool:
        promotions = [pool.submit(promote, count) for count in range(50)]
        while not all(promotion.done() for promotion in promotions):
            answers.append(shop.run(name, {"x": len(answers)}))
        for promotion in promotions:
            promotion.result()

    assert {answer.status_code for answer in answers} == {200}
    told = [(answer.json()["promptVersion"], answer.json()["output"]) for answer in answers]
    assert set(told) <= {(1, "un"), (2, "deux")}
    for prompt, number in ((one, 1), (two, 2)):
        bodies = [seen.body for seen in upstream.seen(prompt)]
        assert len(bodies) == sum(version == number for version, _ in told)
        assert all(body["max_tokens"] == number for body in bodies)
        assert all(body["messages"][0]["content"].startswith(f"version {number} ") for body in bodies)
    kept = shop.written(lambda kept: kept.versions(shop.project_id, name))
    assert [version.state for version in kept].count("PRODUCTION") == 1


def test_version_that_was_promoted_is_the_one_that_runs_as_soon_as_it_is_said(shop: Team, upstream: Upstream) -> None:
    name = shop.published(upstream.expect(pieces=("un",)))
    assert shop.run(name).json()["output"] == "un"
    shop.added(name, draft(upstream.expect(pieces=("deux",))))

    shop.written(lambda kept: kept.promote(shop.project_id, name, 2, "tests"), noticed_s=FRESH_FOR_S)

    assert shop.run(name).json()["output"] == "deux"
