"""Keys over HTTP: in either header, scoped, rotated, revoked at once, and never told again (6.2, 6.7, 3.1.4)."""

import sqlite3
import time
from contextlib import closing

import openai
import pytest
import requests
from openai import OpenAI

from tests.gateway import Gateway, refused, run
from tests.http.accounts import ORGANIZATION, Administrator, Caller, within


@pytest.fixture(scope="module")
def sdk(admin: Administrator) -> OpenAI:
    return admin.sdk


# 6.2: the vendor's own client.
def test_admin_keys_by_the_vendors_client(sdk: OpenAI, house: Gateway) -> None:
    made = sdk.admin.organization.admin_api_keys.create(name="second", expires_in_seconds=3600)
    shown = sdk.admin.organization.admin_api_keys.retrieve(made.id)
    listed = list(sdk.admin.organization.admin_api_keys.list(limit=1))
    with_it = Administrator(house, made.value).sdk.admin.organization.admin_api_keys.list(order="desc")
    gone = sdk.admin.organization.admin_api_keys.delete(made.id)

    assert made.value.startswith("sk-admin-")
    assert len(made.value) > 9 + 43
    assert made.expires_at is not None
    assert 3600 <= made.expires_at - made.created_at <= 3601
    assert shown.redacted_value == f"sk-admin-…{made.value[-4:]}"
    assert made.value not in shown.model_dump_json()
    assert shown.object == "organization.admin_api_key"
    assert made.id in {key.id for key in listed}
    assert with_it.data[0].id == made.id
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "organization.admin_api_key.deleted")
    with pytest.raises(openai.AuthenticationError):
        within(1, lambda: not Administrator(house, made.value).sdk.admin.organization.admin_api_keys.list())


def test_service_accounts_and_their_keys_by_the_vendors_client(sdk: OpenAI, house: Gateway) -> None:
    projects = sdk.admin.organization.projects
    project = projects.create(name="Robots")
    account = projects.service_accounts.create(project.id, name="robot")
    second = projects.service_accounts.api_keys.create(
        account.id, project_id=project.id, name="two", scopes=["agent:V2"]
    )
    bare = projects.service_accounts.create(project.id, name="bare", create_service_account_only=True)

    assert account.object == "organization.project.service_account"
    assert account.api_key is not None
    assert account.api_key.object == "organization.project.service_account.api_key"
    assert account.api_key.value.startswith("sk-proj-")
    assert bare.api_key is None
    assert bare.role == "none"
    assert projects.service_accounts.retrieve(account.id, project_id=project.id).name == "robot"
    assert [each.id for each in projects.service_accounts.list(project.id, limit=1)] == [account.id, bare.id]
    keys = list(projects.api_keys.list(project.id, limit=1))
    assert [key.id for key in keys] == [account.api_key.id, second.id]
    assert keys[0].redacted_value == f"sk-proj-…{account.api_key.value[-4:]}"
    assert keys[0].owner.service_account is not None
    assert keys[0].owner.service_account.id == account.id
    assert projects.api_keys.retrieve(second.id, project_id=project.id).name == "two"
    assert projects.service_accounts.delete(account.id, project_id=project.id).deleted
    assert list(projects.api_keys.list(project.id)) == []
    assert within(1, lambda: Caller(house, second.value).verify().status_code == 401)


def test_key_is_changed_and_deleted_by_the_vendors_client(sdk: OpenAI, admin: Administrator, house: Gateway) -> None:
    project_id = admin.project()
    made = admin.key(project_id)
    caller = Caller(house, made["value"])
    assert caller.ask().status_code == 200

    keys = sdk.admin.organization.projects.api_keys
    keys.update(made["id"], project_id=project_id, scopes=["model:gpt-3.5-turbo"], expires_in_seconds=60)

    assert within(1, lambda: caller.ask().status_code == 403)
    assert keys.retrieve(made["id"], project_id=project_id).expires_at is not None
    gone = keys.delete(made["id"], project_id=project_id)
    assert (gone.deleted, gone.object) == (True, "organization.project.api_key.deleted")
    with pytest.raises(openai.NotFoundError):
        keys.retrieve(made["id"], project_id=project_id)


#
@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
@pytest.mark.parametrize("path", ["/auth/verify", "/models", "/usage", "/projects", "/api/v1/keys"])
def test_every_surface_takes_a_key_from_either_header(admin: Administrator, header: str, path: str) -> None:
    caller = admin.caller("proj-default", "keys")
    caller.header = header

    assert caller.call("GET", path).status_code == 200


@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
def test_admin_routes_take_an_admin_key_from_either_header(admin: Administrator, header: str) -> None:
    assert Caller(admin.gateway, admin.credential, header).call("GET", f"{ORGANIZATION}/projects").status_code == 200


def test_completion_of_a_key_is_booked_on_its_project_and_its_id(admin: Administrator, house: Gateway) -> None:
    project_id = admin.project()
    made = admin.key(project_id)

    response = Caller(house, made["value"]).ask()

    assert response.status_code == 200
    request_id = response.headers["X-Request-Id"]
    assert house.row(request_id)["project_id"] == project_id
    with closing(sqlite3.connect(house.folder / "data" / "router.db")) as book:
        rows = book.execute("SELECT key_id, subject FROM ledger WHERE request_id = ?", (request_id,)).fetchall()
    assert rows == [(made["id"], made["id"])]


# 6.2.2
def test_admin_key_is_no_key_for_models(admin: Administrator) -> None:
    for path in ("/models", "/usage"):
        refused(admin.call("GET", path), 401, "unauthorized")
    refused(admin.ask(), 401, "unauthorized")
    assert admin.verify().json()["user"]["type"] == "admin"


# 6.7: tokens end with their key.
def test_revoked_key_and_its_token_are_refused_within_a_second(admin: Administrator, house: Gateway) -> None:
    made = admin.key("proj-default")
    key = Caller(house, made["value"])
    token = Caller(house, key.made("/auth/token", None)["access_token"])
    assert key.ask().status_code == token.ask().status_code == 200

    admin.call("DELETE", f"{ORGANIZATION}/projects/proj-default/api_keys/{made['id']}")

    assert within(1, lambda: (key.verify().status_code, token.verify().status_code) == (401, 401))


def test_rotated_key_keeps_its_id_and_the_old_value_its_grace(admin: Administrator, house: Gateway) -> None:
    made = admin.key("proj-default")
    old = Caller(house, made["value"])
    assert old.verify().status_code == 200
    path = f"{ORGANIZATION}/projects/proj-default/api_keys/{made['id']}/rotate"

    fresh = admin.made(path, {"grace_seconds": 2})
    new = Caller(house, fresh["value"])

    assert fresh["id"] == made["id"]
    assert new.verify().status_code == old.verify().status_code == 200
    assert within(4, lambda: old.verify().status_code == 401)
    assert new.verify().json()["user"]["sub"] == made["id"]


def test_value_rotated_without_grace_ends_at_once_with_its_tokens(admin: Administrator, house: Gateway) -> None:
    made = admin.key("proj-default")
    old = Caller(house, made["value"])
    token = Caller(house, old.made("/auth/token", None)["access_token"])
    path = f"{ORGANIZATION}/projects/proj-default/api_keys/{made['id']}/rotate"

    fresh = Caller(house, admin.made(path, {"grace_seconds": 0})["value"])

    assert within(1, lambda: (old.verify().status_code, token.verify().status_code) == (401, 401))
    assert fresh.verify().status_code == 200


def test_key_expires_to_the_second_and_its_token_no_later(admin: Administrator, house: Gateway) -> None:
    made = admin.key("proj-default", expires_in_seconds=2)
    key = Caller(house, made["value"])
    token = key.made("/auth/token", None)
    with_token = Caller(house, token["access_token"])

    assert token["expires_in"] <= 3
    assert with_token.verify().json()["user"]["exp"] == made["expires_at"]
    assert within(4, lambda: (key.verify().status_code, with_token.verify().status_code) == (401, 401))
    assert time.time() >= made["expires_at"]


def test_last_use_is_shown(admin: Administrator, house: Gateway) -> None:
    made = admin.key("proj-default")
    path = f"{ORGANIZATION}/projects/proj-default/api_keys/{made['id']}"
    assert admin.call("GET", path).json()["last_used_at"] is None

    before = int(time.time())
    Caller(house, made["value"]).verify()

    assert within(5, lambda: (admin.call("GET", path).json()["last_used_at"] or 0) >= before)


# 6.3
def test_missing_and_wrong_keys_are_told_as_the_vendor_tells_them(house: Gateway) -> None:
    none = Caller(house, None).call("GET", f"{ORGANIZATION}/projects")
    wrong = Caller(house, "sk-proj-" + "x" * 40 + "wxyz").call("GET", f"{ORGANIZATION}/projects")

    assert (none.status_code, wrong.status_code) == (401, 401)
    assert none.json()["error"]["message"].startswith("You didn't provide an API key")
    assert none.json()["error"] | {"message": ""} == {
        "message": "",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    assert wrong.json()["error"]["message"].startswith("Incorrect API key provided: sk-proj-****wxyz.")
    assert wrong.json()["error"]["code"] == "invalid_api_key"
    assert "x" * 5 not in wrong.text


# 1.2: what is not there is told in the family of its path.
def test_unknown_paths_and_methods_are_told_in_their_family(admin: Administrator) -> None:
    for path, method, status in (("/v1/none", "GET", 404), (f"{ORGANIZATION}/projects", "DELETE", 405)):
        response = admin.call(method, path)
        assert response.status_code == status
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert admin.call("GET", "/api/v1/none").json() == {"success": False, "error": "Not found: there is no such route"}
    refused(admin.call("GET", "/none"), 404, "not_found")


# What is no body of ours, and what is not there.
@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/admin_api_keys", {"name": "a", "owner": "me"}, "owner"),
        ("/admin_api_keys", {}, "name"),
        ("/admin_api_keys", {"name": " "}, "name"),
        ("/admin_api_keys", {"name": "a", "expires_in_seconds": 0}, "expires_in_seconds"),
        ("/admin_api_keys", {"name": "a", "expires_in_seconds": 31_536_001}, "expires_in_seconds"),
        ("/projects", {"name": 5}, "name"),
        ("/projects/proj-default/service_accounts", {"name": "a", "role": "owner"}, "role"),
    ],
)
def test_body_that_is_not_as_it_must_be_is_refused_by_its_field(
    admin: Administrator, path: str, body: object, param: str
) -> None:
    response = admin.call("POST", ORGANIZATION + path, body)

    assert response.status_code == 400
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert response.json()["error"]["param"] == param


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "1.5"])
def test_page_out_of_bounds_is_refused(admin: Administrator, limit: str) -> None:
    response = admin.call("GET", f"{ORGANIZATION}/projects", limit=limit)

    assert (response.status_code, response.json()["error"]["param"]) == (400, "limit")


def test_key_of_another_project_is_as_one_that_is_not_there(admin: Administrator) -> None:
    own, foreign = admin.project(), admin.project()
    key_id = admin.key(foreign)["id"]

    for method, tail in (("GET", ""), ("POST", ""), ("DELETE", ""), ("POST", "/rotate")):
        real, none = (
            admin.call(
                method, f"{ORGANIZATION}/projects/{own}/api_keys/{asked}{tail}", {} if method == "POST" else None
            )
            for asked in (key_id, "key_none")
        )
        assert (real.status_code, real.json()) == (none.status_code, none.json())
        assert real.status_code == 404


# C-3, 6.7: at the machine.
def test_key_is_made_rotated_and_revoked_at_the_machine(house: Gateway) -> None:
    value = run(house.folder, "keys", "create", "cli", "--scope", "agent:V2", env=house.env).stdout.strip()
    key_id = Caller(house, value).verify().json()["user"]["sub"]
    listed = run(house.folder, "keys", "list", env=house.env).stdout
    fresh = run(house.folder, "keys", "rotate", key_id, "--grace-seconds", "0", env=house.env).stdout.strip()
    revoked = run(house.folder, "keys", "revoke", key_id, env=house.env)

    assert f"sk-proj-…{value[-4:]}" in listed
    assert value not in listed
    assert fresh != value
    assert revoked.returncode == 0
    assert within(1, lambda: Caller(house, fresh).verify().status_code == 401)
    assert run(house.folder, "keys", "revoke", key_id, env=house.env).returncode == 2


def test_no_key_is_in_the_log_nor_in_the_books(admin: Administrator, house: Gateway) -> None:
    made = admin.key("proj-default")["value"]
    Caller(house, made).ask()
    requests.get(f"{house.url}/v1/none", headers={"Authorization": f"Bearer {made}"}, timeout=10)

    kept = b"".join(path.read_bytes() for path in (house.folder / "data").rglob("*") if path.is_file())
    assert made.encode() not in kept
    assert made not in house.log
