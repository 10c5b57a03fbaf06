"""Every row of the seed's table of errors, and what else can be wrong with a run (3.1.3)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.gateway import Gateway
from tests.http.accounts import Administrator, Caller, within
from tests.http.prompts import RUN, Team, failed, team
from tests.upstream import Upstream

NOT_FOUND = "Prompt '{}' not found or has no PRODUCTION version"


@pytest.fixture(scope="module")
def shop(admin: Administrator) -> Team:
    return team(admin)


@pytest.fixture(scope="module")
def greeting(shop: Team) -> str:
    return shop.published("Bonjour {{nom}}, voici {{service}}. {{nom}}{{autre}}")


# 400
def test_all_missing_variables_are_named(shop: Team, greeting: str) -> None:
    assert failed(shop.run(greeting, {"service": "x"}), 400) == "Invalid request: Missing variables: nom, autre"
    assert failed(shop.run(greeting), 400) == "Invalid request: Missing variables: nom, service, autre"


@pytest.mark.parametrize("value", [None, ["x"], {"x": 1}])
def test_value_that_is_no_text_is_refused_by_its_name(shop: Team, greeting: str, value: object) -> None:
    refusal = failed(shop.run(greeting, {"nom": value, "service": "s", "autre": "a"}), 400)

    assert refusal == "Invalid request: The variable 'nom' must be a string, a number, true or false."


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "required field 'promptName' is missing"),
        ({"promptName": 1}, "'promptName' must be a string"),
        ({"promptName": ""}, "'promptName' has a value out of bounds"),
        ({"promptName": "x" * 1001}, "'promptName' has a value out of bounds"),
        ({"promptName": "x", "variables": []}, "'variables' must be an object"),
        ({"promptName": "x", "variables": None}, "'variables' must be an object"),
        ({"promptName": "x", "stream": "yes"}, "'stream' must be true or false"),
        ({"promptName": "x", "prompt_name": "y"}, "unknown field 'prompt_name'"),
        ({"promptName": "x", "version": 0}, "'version' has a value out of bounds"),
        ({"promptName": "x", "version": 2**70}, "'version'"),
        ({"promptName": "x", "version": 1, "label": "l"}, "send 'label' or 'version', not both"),
        ([], "'the body' must be an object"),
    ],
)
def test_body_that_is_not_as_it_must_be_is_told_what_and_where(shop: Team, body: object, told: str) -> None:
    assert told in failed(shop.post(body), 400)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"", "application/json"), (b"{", "application/json"), (b"\xff", "application/json"), (b"{}", "text/plain")],
)
def test_bytes_that_are_no_json_are_a_wrong_request(shop: Team, body: bytes, content_type: str) -> None:
    headers = {"x-api-key": shop.key, "Content-Type": content_type}

    assert failed(requests.post(shop.gateway.url + RUN, data=body, headers=headers, timeout=20), 400)


@pytest.mark.parametrize("value", ["9" * 5000, "1e999", "-1e999", '"\\ud800"', "[" * 5000], ids=lambda text: text[:8])
def test_value_that_no_text_can_hold_is_a_wrong_request(shop: Team, value: str) -> None:
    name = shop.published("{{x}}")
    headers = {"x-api-key": shop.key, "Content-Type": "application/json"}
    body = f'{{"promptName":"{name}","variables":{{"x":{value}}}}}'

    assert failed(requests.post(shop.gateway.url + RUN, data=body, headers=headers, timeout=20), 400)


def test_filled_message_that_is_too_long_is_refused(shop: Team) -> None:
    name = shop.published("{{x}}" * 30)

    refusal = failed(shop.run(name, {"x": "y" * 10_000}), 400)

    assert "300000 characters; 200000 is the most" in refusal


def test_body_over_a_megabyte_is_too_large(shop: Team) -> None:
    response = shop.run("x", {"x": "y" * 1_000_000})

    assert failed(response, 413) == "Request body too large: at most 1000000 bytes"


# 401
@pytest.mark.parametrize("key", [None, "sk_wrong", "sk_" + "x" * 48, "a.b.c"])
def test_missing_or_wrong_key_is_unknown(shop: Team, greeting: str, key: str | None) -> None:
    headers = {} if key is None else {"x-api-key": key}

    response = requests.post(shop.gateway.url + RUN, json={"promptName": greeting}, headers=headers, timeout=20)

    refusal = failed(response, 401)
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "API key" in refusal
    assert "x" * 12 not in refusal


def test_revoked_key_is_a_wrong_one(admin: Administrator, shop: Team, greeting: str) -> None:
    made = admin.key(shop.project_id)
    admin.call("DELETE", f"/v1/organization/projects/{shop.project_id}/api_keys/{made['id']}")

    assert within(2, lambda: shop.post({"promptName": greeting}, **{"x-api-key": made["value"]}).status_code == 401)


def test_admin_key_runs_nothing(admin: Administrator, shop: Team, greeting: str) -> None:
    failed(shop.post({"promptName": greeting}, **{"x-api-key": admin.credential or ""}), 401)


# 403
def test_expired_key_is_told_so_where_the_seed_has_a_status_for_it(admin: Administrator) -> None:
    made = Caller(admin.gateway, admin.credential).made("/api/v1/keys", {"name": "brief", "expiresInSeconds": 1})
    late = Team(admin.gateway, "proj-default", made["key"])
    assert within(4, lambda: late.run("x").status_code == 403)

    again = [late.run("x") for _ in range(3)]

    assert {failed(response, 403) for response in again} == {"Access denied: the key has expired; make a new one"}
    caller = Caller(admin.gateway, late.key)
    others = [late.post({}, "/api/v1/prompts/x/versions/1/run")]
    others += [caller.call("GET", path) for path in ("/api/v1/prompts", "/api/v1/prompts/x", "/api/v1/runs")]
    assert {failed(response, 403) for response in others} == {"Access denied: the key has expired; make a new one"}
    assert [caller.ask().status_code, caller.call("GET", "/models").status_code] == [401, 401]
    assert caller.call("GET", "/api/v1/keys").status_code == 401


@pytest.mark.parametrize(
    ("scope", "lacking"),
    [("model:gpt-3.5-turbo", "model:gpt-4o"), ("surface:completion", "surface:run"), ("agent:V1", "agent:V2")],
)
def test_key_that_may_not_is_told_what_it_lacks(admin: Administrator, scope: str, lacking: str) -> None:
    bound = team(admin, scope)
    name = bound.published("Bonjour")

    assert lacking in failed(bound.run(name), 403)


def test_key_without_the_surface_learns_nothing_of_the_prompts(admin: Administrator) -> None:
    bound = team(admin, "surface:completion")

    assert "surface:run" in failed(bound.run("x"), 403)


# 404
def test_unknown_prompt_and_one_without_production_are_told_alike(shop: Team) -> None:
    shop.drafted("Bonjour", name="Email de Bienvenue")

    assert failed(shop.run("Email de Bienvenue"), 404) == NOT_FOUND.format("Email de Bienvenue")
    assert failed(shop.run("Nulle part"), 404) == NOT_FOUND.format("Nulle part")


def test_prompt_of_another_project_is_not_there(admin: Administrator, greeting: str) -> None:
    assert failed(team(admin).run(greeting), 404) == NOT_FOUND.format(greeting)


@pytest.mark.parametrize("name", ["\x00", "a\nb", "'; DROP TABLE prompts; --", "\ue000", "../x", "%2F", "é" * 1000])
def test_name_that_no_prompt_can_have_is_only_not_there(shop: Team, name: str) -> None:
    assert failed(shop.run(name), 404) == NOT_FOUND.format(name)


def test_label_and_version_that_are_not_there_are_named(shop: Team, greeting: str) -> None:
    assert failed(shop.run(greeting, label="staging"), 404).endswith("has no version labelled 'staging'")
    assert failed(shop.run(greeting, version=9), 404).endswith("has no version 9")
    assert failed(shop.run(greeting, label="\x00"), 404)


# 429
def test_reached_limit_says_when_to_come_back(admin: Administrator, upstream: Upstream) -> None:
    limited = team(admin)
    name = limited.published(upstream.expect())
    path = f"/v1/organization/limits/project/{limited.project_id}"
    assert admin.call("PUT", path, {"requests_per_minute": 1}).status_code == 200
    assert within(2, lambda: limited.run(name).status_code == 429)

    response = limited.run(name)

    assert failed(response, 429).startswith("Rate limit reached: requests per minute of this project: limit 1")
    assert int(response.headers["Retry-After"]) >= 1
    assert response.headers["X-RateLimit-Limit"] == "1"


def test_key_with_too_many_runs_at_once_is_told_so(admin: Administrator, upstream: Upstream) -> None:
    project_id, prompt = admin.project(), upstream.expect(hold_after=0)
    made = admin.key(project_id)
    narrow = Team(admin.gateway, project_id, made["value"])
    name = narrow.published(prompt)
    admin.call("PUT", f"/v1/organization/limits/key/{made['id']}", {"concurrent_requests": 1})

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(narrow.run, name)
        assert within(5, lambda: bool(upstream.seen(prompt)))
        second = narrow.run(name, stream=True)
        upstream.release(prompt)

        assert first.result().status_code == 200
    assert "at most 1 requests of this key at once" in failed(second, 429)
    assert second.headers["Retry-After"] == "1"


# 500
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"status": 500}, "The model's provider failed"),
        ({"status": 429}, "The run failed: the model's provider limits its rate for now"),
        ({"status": 400}, "The run failed: the model's provider refuses the prompt"),
        ({"status": 401}, "The model's provider failed"),
        ({"body": b"not json"}, "The model's provider failed"),
    ],
)
def test_failure_of_the_model_is_a_server_error(
    shop: Team, upstream: Upstream, reply: dict[str, Any], told: str
) -> None:
    prompt = upstream.expect(**reply)
    name = shop.published(prompt)

    response = shop.run(name)

    assert failed(response, 500).startswith(told)
    assert response.headers["X-Cost-EUR"]
    row = shop.booked(response.headers["X-Request-Id"])
    assert (row["status"], row["prompt_version"]) == ("error", 1)


def test_version_whose_model_is_not_in_the_catalogue_cannot_run(shop: Team) -> None:
    name = shop.published("Bonjour", model="gpt-9")

    refusal = failed(shop.run(name), 500)

    assert refusal == "The run failed: the model 'gpt-9' of this version is not in the catalogue"


def test_version_whose_model_has_no_key_cannot_run(configured: Gateway) -> None:
    here = Team(configured, "proj-default", configured.token())
    name = here.published("Bonjour", model="mistral-large-latest")

    refusal = failed(here.run(name), 500)

    assert "'mistral-large-latest' of this version cannot be called" in refusal


def test_other_methods_are_not_allowed(shop: Team) -> None:
    response = requests.get(shop.gateway.url + RUN, headers={"x-api-key": shop.key}, timeout=20)

    assert failed(response, 405) == "Method not allowed"
    assert response.headers["Allow"] == "POST"
