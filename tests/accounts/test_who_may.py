"""Every administrative and usage route, tried by those who may not: a row a route, and no route without a row."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from router.app import COLD_ROUTES
from tests.accounts.callers import BODIES, KEY, ORG, ROWS, Row
from tests.accounts.honest import Script
from tests.replicas import ADMIN_KEY, Key, Replicas

CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 503: "model_unavailable"}
ERROR_KEYS = {"message", "type", "param", "code"}
GARBAGE = {
    "sk-proj-" + "x" * 48,
    "sk-admin-" + "x" * 48,
    "sk-",
    "a.b.c",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInR5cGUiOiJhY2Nlc3MiLCJleHAiOjk5OTk5OTk5OTl9.",
    ADMIN_KEY[:-1],
    ADMIN_KEY + "x",
    "x" * 5000,
}


def routes() -> set[str]:
    """Return every route of the application, as method and path."""
    return {
        f"{method} {re.sub(r':[a-z]+}', '}', path)}"
        for handler in COLD_ROUTES
        for path in handler.paths
        for method in handler.http_methods
        if method != "OPTIONS" and (method != "HEAD" or handler.http_methods == {"HEAD"})
    }


@dataclass
class Scene:
    """A project with a key, an account, a budget; and a key of another project."""

    replicas: Replicas
    key: Key
    foreign: Key
    ids: dict[str, str]

    def send(self, route: str, credential: str | None, ids: dict[str, str] | None = None) -> requests.Response:
        method, _, path = route.partition(" ")
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        url = self.replicas.gateways[0].url + path.format(**self.ids | (ids or {}))
        query = {"start_time": "1790000000"} if re.search(r"usage/|costs", path) else {}
        body = BODIES.get(route)
        if route == "POST /auth/token":
            headers = {} if credential is None else {"x-api-key": credential}
        return requests.request(method, url, params=query, json=body, headers=headers, timeout=20)


@pytest.fixture(scope="module")
def scene(pair: Replicas) -> Scene:
    admin = pair.admin
    project = admin.project()
    made = admin.done("POST", f"{ORG}/projects/{project}/service_accounts", {"name": "an account"})
    key = Key(made["api_key"]["id"], made["api_key"]["value"], project)
    budget = admin.budget("1000", scope="project", scope_id=project, kind="soft", emails=["a@example.com"])
    ids = {"project_id": project, "key_id": key.id, "account_id": made["id"], "budget_id": budget["id"]}
    ids |= {"owner": "key", "owner_id": key.id, "rate_limit_id": "rl-default", "alert_id": budget["id"]}
    ids |= {"name": "none", "version": "1"}
    ids |= {"document_id": "01a20000-0000-7000-8000-000000000000", "sample_id": "smp_none"}
    return Scene(pair, key, admin.key(), ids)


def assert_family(response: requests.Response, path: str) -> None:
    """Check the shape of a refusal: OpenAI's under /v1, the Prompt Manager's and Langfuse's under /api, else ours."""
    body: dict[str, Any] = response.json()
    error = body["error"]
    if path.startswith("/api/public/"):
        assert set(body) == {"message", "error"}
        assert isinstance(error, str)
    elif path.startswith("/api/"):
        assert set(body) == {"success", "error"}
        assert body["success"] is False
    elif path.startswith("/v1/"):
        assert set(body) == {"error"}
        assert set(error) == ERROR_KEYS
        assert error["type"] == "invalid_request_error"
    else:
        assert set(body) == {"status_code", "detail", "extra", "error"}
        assert set(error) == ERROR_KEYS | {"request_id"}
        assert error["code"] == CODES[response.status_code]
    if response.status_code == 401:
        scheme = "Basic" if path.startswith("/api/public/") else "Bearer"
        assert response.headers["WWW-Authenticate"].startswith(scheme)


# Must-show 7.
def test_no_route_is_without_a_row() -> None:
    assert routes() == set(ROWS)


@pytest.mark.parametrize(("route", "row"), ROWS.items(), ids=ROWS)
def test_route_answers_each_caller_as_its_row_says(scene: Scene, route: str, row: Row) -> None:
    callers = {"foreign": scene.foreign.value, "ordinary": scene.key.value, "nobody": None}

    told = {name: scene.send(route, credential) for name, credential in callers.items()}
    # Whoever renews a token may send the one it has: in development, what looks like one is no wrong credential there.
    wrong = [each for each in GARBAGE if route != "POST /auth/token" or "." not in each]
    garbage = [scene.send(route, credential) for credential in wrong]

    assert {name: response.status_code for name, response in told.items()} == {
        name: getattr(row, name) for name in callers
    }
    assert {response.status_code for response in garbage} == {row.garbage}
    for response in [*told.values(), *garbage]:
        if response.status_code >= 400:
            assert_family(response, route.partition(" ")[2])


def test_those_who_may_not_have_changed_nothing(scene: Scene) -> None:
    keys = len(scene.replicas.admin.done("GET", f"{ORG}/projects/{scene.key.project}/api_keys")["data"])
    for route in ROWS:
        if ROWS[route].ordinary == 403:
            scene.send(route, scene.key.value)
            scene.send(route, scene.foreign.value)

    admin = scene.replicas.admin
    assert admin.client(scene.key).ask(f"Bonjour {Script()}", model="my-honest").status_code == 200
    assert admin.figures(scene.ids["budget_id"]).limit == 1000
    assert admin.done("GET", f"{ORG}/projects/{scene.key.project}")["status"] == "active"
    assert len(admin.done("GET", f"{ORG}/projects/{scene.key.project}/api_keys")["data"]) == keys


def test_no_refusal_repeats_a_credential(scene: Scene) -> None:
    for credential in (scene.key.value, scene.foreign.value, ADMIN_KEY[:-1], "sk-proj-" + "q" * 48):
        response = scene.send(f"GET {ORG}/projects", credential)

        assert response.status_code in {401, 403}
        assert credential not in response.text
        assert credential[8:-4] not in response.text


OF_A_KEY = [f"GET {KEY}", f"POST {KEY}", f"POST {KEY}/rotate", f"DELETE {KEY}"]


def comparable(response: requests.Response, *ids: str) -> tuple[int, str, dict[str, str]]:
    """Return all that an answer says but its request id, its time and the ids it was asked about."""
    text = response.text
    for each in ids:
        text = text.replace(each, "ID")
    varying = {"date", "x-request-id", "content-length"}
    headers = {name.lower(): value for name, value in response.headers.items() if name.lower() not in varying}
    return response.status_code, re.sub(r"req_\w+", "REQUEST", text), headers


@pytest.mark.parametrize("route", OF_A_KEY)
def test_key_of_another_project_answers_like_a_missing_one(scene: Scene, route: str) -> None:
    theirs = scene.send(route, ADMIN_KEY, {"key_id": scene.foreign.id})
    missing = scene.send(route, ADMIN_KEY, {"key_id": "key_missing"})

    assert theirs.status_code == 404
    assert comparable(theirs, scene.foreign.id) == comparable(missing, "key_missing")


def test_project_of_somebody_else_answers_like_a_missing_one(scene: Scene) -> None:
    client = scene.replicas.admin.client(scene.key, at=scene.replicas.gateways[0])

    theirs = client.ask("Bonjour", model="my-ok", project_id=scene.foreign.project)
    missing = client.ask("Bonjour", model="my-ok", project_id="proj_missing")

    assert theirs.status_code == 404
    told, absent = theirs.json(), missing.json()
    for body in (told, absent):
        body["error"].pop("request_id")
    assert str(told).replace(scene.foreign.project, "ID") == str(absent).replace("proj_missing", "ID")


def test_admin_key_calls_no_model(scene: Scene) -> None:
    admin = Key("", ADMIN_KEY, "")

    assert scene.replicas.admin.client(admin).ask("Bonjour", model="my-ok").status_code == 401


def test_keys_of_another_project_cannot_be_seen_or_ended_by_one_that_makes_keys(scene: Scene) -> None:
    admin = scene.replicas.admin
    maker, theirs = (made_with_permission(scene, each.project) for each in (scene.foreign, scene.key))
    victim = admin.call("POST", "/api/v1/keys", {"name": "victim"}, key=theirs).json()

    told = admin.call("DELETE", f"/api/v1/keys/{victim['id']}", key=maker)
    missing = admin.call("DELETE", "/api/v1/keys/key_missing", key=maker)

    assert told.status_code == 404
    assert comparable(told, victim["id"]) == comparable(missing, "key_missing")
    assert victim["id"] not in admin.call("GET", "/api/v1/keys", key=maker).text
    assert admin.call("GET", "/usage", key=victim["key"]).status_code == 200
    named = [admin.call("GET", f"/api/v1/keys?projectId={each}", key=maker) for each in (scene.key.project, "proj_no")]
    assert named[0].status_code in {403, 404}
    assert comparable(named[0], scene.key.project) == comparable(named[1], "proj_no")


def made_with_permission(scene: Scene, project: str) -> str:
    admin = scene.replicas.admin
    account = admin.done("POST", f"{ORG}/projects/{project}/service_accounts", {"name": "maker"})["id"]
    path = f"{ORG}/projects/{project}/service_accounts/{account}/api_keys"
    return admin.done("POST", path, {"name": "maker", "scopes": ["keys"]})["value"]


@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
def test_either_header_carries_a_key(scene: Scene, header: str) -> None:
    value = f"Bearer {scene.key.value}" if header == "Authorization" else scene.key.value

    response = requests.get(f"{scene.replicas.gateways[0].url}/usage", headers={header: value}, timeout=10)

    assert response.status_code == 200
