"""What keys may be used for, and who gives it: scopes, and the Prompt Manager's keys (6.7, 3.1.4)."""

import pytest

from tests.gateway import Gateway, refused
from tests.http.accounts import Administrator, Caller, within


@pytest.mark.parametrize(
    ("scope", "lacks"),
    [("model:gpt-4o-mini", "model:gpt-4o"), ("agent:V1", "agent:V2"), ("surface:embeddings", "surface:completion")],
)
def test_use_outside_the_scopes_is_refused_by_name(admin: Administrator, scope: str, lacks: str) -> None:
    error = refused(admin.caller("proj-default", scope).ask(), 403, "forbidden")

    assert lacks in error["message"]


def test_scopes_that_name_the_use_let_it_pass(admin: Administrator) -> None:
    caller = admin.caller("proj-default", "model:gpt-4o", "agent:V2", "surface:completion")

    assert caller.ask().status_code == 200


# 3.1.4
def test_prompt_keys_are_shown_once_and_listed_masked(admin: Administrator, house: Gateway) -> None:
    maker = admin.caller("proj-default", "keys", "model:gpt-4o")

    made = maker.made("/api/v1/keys", {"name": "Prompts"})
    rows = {row["id"]: row for row in maker.call("GET", "/api/v1/keys", limit="100").json()["keys"]}
    gone = maker.call("DELETE", f"/api/v1/keys/{made['id']}")

    assert made["success"] is True
    assert made["key"].startswith("sk_")
    assert made["scopes"] == ["model:gpt-4o"]
    assert rows[made["id"]]["key"] == f"sk_***{made['key'][-6:]}"
    assert gone.json() == {"success": True}
    assert within(1, lambda: Caller(house, made["key"]).verify().status_code == 401)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["model:gpt-4o", "model:gpt-4o-mini"]},
        {"name": "a", "scopes": ["model:gpt-4o", "prompt_tools"]},
        {"name": "a", "projectId": "proj-other"},
        {"name": "a", "scopes": ["model:gpt-4o"], "expiresInSeconds": 86_400},
    ],
    ids=["every-model", "another-model", "permission", "project", "life"],
)
def test_no_key_gives_more_than_it_has(admin: Administrator, body: object) -> None:
    maker = admin.caller("proj-default", "keys", "model:gpt-4o", expires_in_seconds=3600)

    response = maker.call("POST", "/api/v1/keys", body)

    assert response.status_code == 403, response.text
    assert set(response.json()) == {"success", "error"}
    assert response.json()["success"] is False


def test_keys_are_made_by_those_alone_who_may(admin: Administrator, house: Gateway) -> None:
    token = Caller(house, house.token())

    for caller, status in ((admin.caller("proj-default"), 403), (token, 403), (Caller(house, None), 401)):
        response = caller.call("POST", "/api/v1/keys", {"name": "a"})
        assert (response.status_code, response.json()["success"]) == (status, False)
    assert admin.call("POST", "/api/v1/keys", {"name": "a", "nonsense": 1}).status_code == 400
