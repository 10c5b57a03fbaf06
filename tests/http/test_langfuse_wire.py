"""Langfuse's surface without its SDK: statuses, bodies, credentials, names and refusals as they go over the wire."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.gateway import Gateway
from tests.http.accounts import ORGANIZATION, Administrator, Caller, within

PROMPTS = "/api/public/v2/prompts"
NAME = "Été/à %2F la « carte »"
FIELDS = {
    "name",
    "version",
    "type",
    "prompt",
    "config",
    "labels",
    "tags",
    "commitMessage",
    "createdBy",
    "createdAt",
    "updatedAt",
    "resolutionGraph",
}


def path_of(name: str, rest: str = "") -> str:
    return f"{PROMPTS}/{quote(name, safe='')}{rest}"


@pytest.fixture(scope="module")
def project(admin: Administrator) -> str:
    return admin.project("Langfuse")


@pytest.fixture(scope="module")
def key(admin: Administrator, project: str) -> Caller:
    return admin.caller(project)


@pytest.fixture(scope="module")
def made(key: Caller) -> dict[str, Any]:
    """A prompt in production, as it was answered when it was made."""
    body = {"name": NAME, "prompt": "Bonjour {{nom}}", "labels": ["production"], "config": {"b": 1, "a": None}}
    response = key.call("POST", PROMPTS, body | {"commitMessage": "un", "unknown": {"field": 1}})
    assert response.status_code == 201, response.text
    return response.json()


def refused(response: requests.Response, status: int, name: str) -> str:
    """Check family F5 (1.2) and return its message."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"message", "error"}
    assert body["error"] == name
    return body["message"]


def with_pair(gateway: Gateway, path: str, pair: str) -> requests.Response:
    shown = b64encode(pair.encode()).decode()
    return requests.get(gateway.url + path, headers={"Authorization": f"Basic {shown}"}, timeout=10)


def test_version_has_langfuses_fields(key: Caller, made: dict[str, Any]) -> None:
    response = key.call("GET", path_of(NAME))

    body = response.json()
    assert set(body) == FIELDS
    assert body == made
    assert (body["name"], body["version"], body["type"], body["prompt"]) == (NAME, 1, "text", "Bonjour {{nom}}")
    assert (body["labels"], body["tags"], body["commitMessage"]) == (["latest", "production"], [], "un")
    assert body["createdAt"].endswith("Z")
    assert '"config":{"b":1,"a":null}' in response.text.replace(" ", "")


def test_list_has_langfuses_fields(key: Caller, made: dict[str, Any]) -> None:
    # A plus that is not escaped is one all the same.
    body = key.call("GET", f"{PROMPTS}?fromUpdatedAt=2020-01-01T00:00:00+01:00", name=NAME).json()

    assert set(body) == {"data", "meta"}
    assert body["meta"] == {"page": 1, "limit": 50, "totalItems": 1, "totalPages": 1}
    assert body["data"] == [
        {
            "name": NAME,
            "type": "text",
            "versions": [1],
            "labels": ["latest", "production"],
            "tags": [],
            "lastUpdatedAt": made["updatedAt"],
            "lastConfig": {"b": 1, "a": None},
        }
    ]


def test_project_has_langfuses_fields(key: Caller, project: str) -> None:
    own = key.call("GET", "/api/public/projects").json()["data"]

    assert [(each["id"], each["name"], each["metadata"]) for each in own] == [(project, "Langfuse", {})]
    assert set(own[0]["organization"]) == {"id", "name"}


def test_any_header_carries_a_key_and_a_pair_is_taken_here_alone(house: Gateway, key: Caller, made: object) -> None:
    assert made
    pair = f"pk-lf-anything:{key.credential}"

    shown = [with_pair(house, path_of(NAME), pair), Caller(house, key.credential, "x-api-key").call("GET", PROMPTS)]
    elsewhere = [with_pair(house, path, pair) for path in ("/usage", "/api/v1/keys", "/api/v1/prompts")]

    assert [response.status_code for response in shown] == [200, 200]
    assert [response.status_code for response in elsewhere] == [401, 401, 401]


@pytest.mark.parametrize("pair", ["", ":", "pk:", ":{key}", "{key}", "pk:{key}x", "pk:sk-lf-" + "x" * 30])
def test_pair_that_is_none_or_wrong_is_refused_and_not_repeated(house: Gateway, key: Caller, pair: str) -> None:
    credential = str(key.credential)

    response = with_pair(house, PROMPTS, pair.format(key=credential))

    refused(response, 401, "UnauthorizedError")
    assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert credential not in response.text
    assert credential[8:-4] not in response.text


def test_key_for_other_surfaces_is_refused_and_a_revoked_one_too(admin: Administrator, project: str) -> None:
    other, own = admin.caller(project, "surface:run"), admin.key(project, ("surface:prompts",))
    reader = Caller(admin.gateway, own["value"])

    assert reader.call("GET", PROMPTS).status_code == 200
    for path in (PROMPTS, path_of("x"), "/api/public/projects"):
        assert "surface:prompts" in refused(other.call("GET", path), 403, "ForbiddenError")
    admin.call("DELETE", f"{ORGANIZATION}/projects/{project}/api_keys/{own['id']}")
    assert within(1, lambda: reader.call("GET", PROMPTS).status_code == 401)


@pytest.mark.parametrize(
    ("path", "param"),
    [
        (f"{PROMPTS}/x?version=1&label=a", "version"),
        (f"{PROMPTS}/x?version=one", "version"),
        (f"{PROMPTS}?page=0", "page"),
        (f"{PROMPTS}?page={'9' * 30}", "page"),
        (f"{PROMPTS}?limit=101", "limit"),
        (f"{PROMPTS}?fromUpdatedAt=yesterday", "fromUpdatedAt"),
        (f"{PROMPTS}?toUpdatedAt=0001-01-01T00:00:00%2B14:00", "toUpdatedAt"),
        (f"{PROMPTS}?filter=[]", "filter"),
    ],
)
def test_query_that_cannot_be_read_is_refused_by_name(key: Caller, path: str, param: str) -> None:
    assert param in refused(key.call("GET", path), 400, "InvalidRequestError")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"prompt": "x"}, "'name' is missing"),
        ({"name": "x"}, "'prompt' is missing"),
        ({"name": "x", "prompt": 1}, "prompt"),
        ({"name": " ", "prompt": "x"}, "name"),
        ({"name": "x\0", "prompt": "x"}, "name"),
        ({"name": "x", "prompt": "x", "config": []}, "config"),
        ({"name": "x", "prompt": "x", "labels": ["no good"]}, "label"),
        ({"name": "x", "prompt": "x", "labels": ["x"] * 1_001}, "'labels'"),
        ({"name": "x", "prompt": "x", "tags": [""]}, "tag"),
        ({"name": "x", "prompt": "x", "type": "image"}, "type"),
        ({"name": "x", "prompt": "x" * 200_001}, "200000"),
        ({"name": "x", "type": "chat", "prompt": [{"type": "placeholder", "name": "h"}]}, "placeholder"),
        ({"name": NAME, "type": "chat", "prompt": [{"role": "user", "content": "x"}]}, "type 'text', not 'chat'"),
    ],
)
def test_prompt_that_cannot_be_kept_is_refused_by_name(
    key: Caller, made: dict[str, Any], body: dict[str, object], told: str
) -> None:
    message = refused(key.call("POST", PROMPTS, body), 400, "InvalidRequestError")

    assert told in message
    assert key.call("GET", path_of(NAME), label="latest").json() == made
    assert key.call("GET", PROMPTS, name="x").json()["data"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"", "application/json", 400),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b" " * 1_000_001, "application/json", 413),
    ],
)
def test_body_that_cannot_be_read_is_refused(key: Caller, body: bytes, content_type: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {key.credential}", "Content-Type": content_type}

    response = requests.post(key.gateway.url + PROMPTS, data=body, headers=headers, timeout=10)

    refused(response, status, "InvalidRequestError")


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", path_of("nowhere"), 404, "LangfuseNotFoundError"),
        ("GET", path_of(NAME) + "?label=nobody's", 404, "LangfuseNotFoundError"),
        ("GET", path_of(NAME) + "?version=2", 404, "LangfuseNotFoundError"),
        ("GET", PROMPTS + "/" + quote(NAME), 404, "LangfuseNotFoundError"),
        ("PATCH", path_of(NAME, "/versions/9"), 404, "LangfuseNotFoundError"),
        ("PATCH", path_of(NAME, "/versions/x"), 404, "LangfuseNotFoundError"),
        ("DELETE", path_of(NAME) + "?version=9", 404, "LangfuseNotFoundError"),
        ("DELETE", path_of(NAME) + "?version=1", 400, "InvalidRequestError"),
        ("PUT", path_of(NAME), 405, "MethodNotAllowedError"),
        ("GET", "/api/public/traces", 404, "LangfuseNotFoundError"),
    ],
)
def test_what_is_not_there_is_told_in_langfuses_words(
    key: Caller, made: object, method: str, path: str, status: int, name: str
) -> None:
    assert made

    refused(key.call(method, path, {"newLabels": ["x"]}), status, name)


def test_answer_that_a_client_has_is_not_sent_again(key: Caller) -> None:
    name = "Étiquetée"
    key.call("POST", PROMPTS, {"name": name, "prompt": "x"})
    headers = {"Authorization": f"Bearer {key.credential}"}
    url = key.gateway.url + path_of(name) + "?label=latest"

    first = requests.get(url, headers=headers, timeout=10)
    headers["If-None-Match"] = first.headers["ETag"]
    again = requests.get(url, headers=headers, timeout=10)
    labelled = key.call("PATCH", path_of(name, "/versions/1"), {"newLabels": ["a"]})
    changed = requests.get(url, headers=headers, timeout=10)
    gone = key.call("DELETE", path_of(name))

    assert (again.status_code, again.content) == (304, b"")
    assert (labelled.status_code, labelled.json()["labels"]) == (200, ["a", "latest"])
    assert (changed.status_code, changed.json()) == (200, labelled.json())
    assert (gone.status_code, gone.content) == (204, b"")


def test_prompt_made_by_our_own_surface_is_read_as_a_chat_with_a_config_in_snake_case(key: Caller) -> None:
    body = {"name": "Ours", "system": "s", "template": "{{x}}", "config": {"model": "gpt-4o", "maxTokens": 5}}
    assert key.call("POST", "/api/v1/prompts", body).status_code == 200

    read = key.call("GET", path_of("Ours"), label="latest").json()

    assert (read["type"], read["config"]) == ("chat", {"model": "gpt-4o", "max_tokens": 5})
    assert read["prompt"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "{{x}}"}]


def test_prompt_made_here_is_managed_by_our_own_surface(key: Caller, made: dict[str, Any]) -> None:
    assert made

    own = key.call("GET", f"/api/v1/prompts/{quote(NAME, safe='')}").json()

    assert json.dumps(own, ensure_ascii=False).count("Bonjour {{nom}}") >= 1
    assert own["name"] == NAME


def test_limit_of_requests_is_told_in_langfuses_words(admin: Administrator) -> None:
    made = admin.key(admin.project())
    path = f"{ORGANIZATION}/limits/key/{made['id']}"
    assert admin.call("PUT", path, {"requests_per_minute": 1}).status_code == 200
    caller = Caller(admin.gateway, made["value"])

    answers = [caller.call("GET", PROMPTS) for _ in range(3)]

    refused(answers[-1], 429, "InvalidRequestError")
    assert int(answers[-1].headers["Retry-After"]) >= 1
