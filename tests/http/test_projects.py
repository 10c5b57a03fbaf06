"""Projects over HTTP: made, listed, archived, and kept apart (6.6c, 2.2.2)."""

from collections.abc import Callable

import openai
import pytest
import requests

from tests.gateway import SECRET, Gateway, refused, run, vendors
from tests.http.accounts import ORGANIZATION, Administrator, Caller, within
from tests.upstream import Upstream

ADMIN_KEY = "Qx8-acceptance-admin-key-of-the-running-gateway-0003"


@pytest.fixture(scope="module")
def production(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    secrets = {"ROUTER_JWT_SECRET": SECRET, "ROUTER_ADMIN_KEY": ADMIN_KEY}
    return gateway_with(**vendors(upstream), **secrets, ROUTER_ENVIRONMENT="production")


@pytest.fixture(scope="module")
def owner(production: Gateway) -> Administrator:
    return Administrator(production, ADMIN_KEY)


def test_projects_by_the_vendors_client(admin: Administrator) -> None:
    projects = admin.sdk.admin.organization.projects

    made = projects.create(name="Recherche")
    renamed = projects.update(made.id, name="Enseignement")
    listed = [project.id for project in projects.list(limit=1)]
    archived = projects.archive(made.id)

    assert made.id.startswith("proj")
    assert (made.object, made.status, made.archived_at) == ("organization.project", "active", None)
    assert renamed.name == projects.retrieve(made.id).name == "Enseignement"
    assert {"proj-default", made.id} <= set(listed)
    assert len(listed) == len(set(listed))
    assert archived.status == "archived"
    assert made.id not in [project.id for project in projects.list()]
    assert made.id in [project.id for project in projects.list(include_archived=True)]
    with pytest.raises(openai.ConflictError):
        projects.archive("proj-default")
    with pytest.raises(openai.NotFoundError):
        projects.retrieve("proj-none")


def test_project_is_made_with_an_id_of_ones_own(admin: Administrator) -> None:
    made = admin.made("/projects", {"id": "labo-1", "name": "Labo"})

    assert made["id"] == "labo-1"
    assert "labo-1" in [project["id"] for project in admin.call("GET", "/projects").json()["projects"]]
    refused(admin.call("POST", "/projects", {"id": "labo-1", "name": "Labo"}), 409, "conflict")
    refused(admin.call("POST", "/projects", {"id": "a b", "name": "Labo"}), 400, "invalid_request")
    error = refused(admin.call("POST", "/projects", {"name": "Labo", "budget": 3}), 400, "invalid_request")
    assert error["param"] == "budget"


def test_project_is_made_by_administrators_alone(admin: Administrator, house: Gateway) -> None:
    refused(admin.caller("proj-default").call("POST", "/projects", {"name": "a"}), 403, "forbidden")
    refused(Caller(house, house.token()).call("POST", "/projects", {"name": "a"}), 403, "forbidden")
    refused(Caller(house, None).call("POST", "/projects", {"name": "a"}), 401, "unauthorized")


def test_key_sees_its_own_project_alone(admin: Administrator) -> None:
    own = admin.project("Le mien")

    rows = admin.caller(own).call("GET", "/projects").json()["projects"]

    assert [row["id"] for row in rows] == [own]


def test_keys_of_an_archived_project_and_their_tokens_stop(admin: Administrator, house: Gateway) -> None:
    project_id = admin.project()
    key = admin.caller(project_id)
    token = Caller(house, key.made("/auth/token", None)["access_token"])
    assert key.ask().status_code == token.ask().status_code == 200

    admin.call("POST", f"{ORGANIZATION}/projects/{project_id}/archive")

    assert within(1, lambda: (key.verify().status_code, token.verify().status_code) == (401, 401))
    assert (
        admin.call("POST", f"{ORGANIZATION}/projects/{project_id}/service_accounts", {"name": "a"}).status_code == 404
    )


# 6.6c
def test_project_is_made_by_its_name_in_development(admin: Administrator, house: Gateway) -> None:
    response = Caller(house, house.token()).ask(project_id="proj-named-first-here")

    assert response.status_code == 200
    assert house.row(response.headers["X-Request-Id"])["project_id"] == "proj-named-first-here"
    assert admin.call("GET", f"{ORGANIZATION}/projects/proj-named-first-here").status_code == 200


@pytest.mark.parametrize("named", ["proj-none", "proj-default", "a/../b"])
def test_key_acts_on_no_project_but_its_own(admin: Administrator, named: str) -> None:
    caller = admin.caller(admin.project())

    refused(caller.ask(project_id=named), 404, "not_found")


def test_archived_project_is_as_unknown_as_none(admin: Administrator, house: Gateway) -> None:
    project_id = admin.project()
    token = Caller(house, house.token())
    assert token.ask(project_id=project_id).status_code == 200

    admin.call("POST", f"{ORGANIZATION}/projects/{project_id}/archive")

    assert within(1, lambda: token.ask(project_id=project_id).status_code == 404)


# 2.1.4
def test_token_in_production_is_exchanged_for_a_key(owner: Administrator, production: Gateway) -> None:
    project_id = owner.project()
    made = owner.key(project_id)
    key, key_id = made["value"], made["id"]
    grant = {"grant_type": "client_credentials", "client_id": key_id, "client_secret": key}
    url = f"{production.url}/auth/token"
    ways = [
        Caller(production, key).call("POST", "/auth/token"),
        Caller(production, key, "x-api-key").call("POST", "/auth/token"),
        Caller(production, None).call("POST", "/auth/token", grant),
        Caller(production, None).call("POST", "/auth/token", {"client_secret": key}),
    ]
    ways += [requests.post(url, auth=(key_id, key), timeout=10), requests.post(url, data=grant, timeout=10)]

    assert [each.status_code for each in ways] == [200] * 6
    for each in ways:
        token = Caller(production, each.json()["access_token"])
        assert token.verify().json()["user"] | {"exp": 0} == {"sub": key_id, "type": "access", "exp": 0}
    response = token.ask()
    assert production.row(response.headers["X-Request-Id"])["project_id"] == project_id
    refused(token.ask(project_id="proj-default"), 404, "not_found")


def test_no_token_without_a_key_in_production(owner: Administrator, production: Gateway) -> None:
    nobody = Caller(production, None)

    refused(nobody.call("POST", "/auth/token"), 401, "unauthorized")
    refused(Caller(production, "sk-proj-" + "a" * 48).call("POST", "/auth/token"), 401, "unauthorized")
    refused(owner.call("POST", "/auth/token"), 401, "unauthorized")
    refused(nobody.call("POST", "/auth/token", {"grant_type": "password"}), 400, "invalid_request")


def test_token_without_a_key_acts_on_the_default_project_in_production(production: Gateway) -> None:
    printed = run(production.folder, "token", env=production.env).stdout.strip()
    token = Caller(production, printed)

    assert token.ask().status_code == 200
    refused(token.ask(project_id="proj-none"), 404, "not_found")


def test_address_that_fails_too_often_is_told_to_wait(gateway_with: Callable[..., Gateway]) -> None:
    guessed = Caller(gateway_with(), "sk-proj-" + "b" * 48)

    answers = [guessed.call("POST", "/auth/token") for _ in range(11)]

    assert [each.status_code for each in answers] == [401] * 10 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_projects_at_the_machine(house: Gateway) -> None:
    made = run(house.folder, "projects", "create", "Au clavier", "--id", "clavier", env=house.env)
    archived = run(house.folder, "projects", "archive", "clavier", env=house.env)
    listed = run(house.folder, "projects", "list", "--json", env=house.env).stdout

    assert made.stdout == "clavier\n"
    assert archived.returncode == 0
    assert '"id":"clavier"' in listed
    assert run(house.folder, "projects", "archive", "proj-default", env=house.env).returncode == 2
