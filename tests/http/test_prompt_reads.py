"""Prompts are read by those alone who may, again and again without being sent again, under whatever name (3.3)."""

from collections.abc import Iterator

import pytest
import requests

from tests.http.accounts import Administrator, Caller
from tests.http.managing import PROMPTS, Manager, manager, path_of, refused_f2


@pytest.fixture(scope="module")
def team(admin: Administrator) -> Manager:
    return manager(admin)


@pytest.fixture(scope="module")
def name(team: Manager) -> str:
    """A prompt that has been in production."""
    name = team.prompt(name="a/b é/..", labels=["staging"])
    team.promote(name, 1)
    return name


def asked(caller: Caller, path: str, query: str = "", **headers: str) -> requests.Response:
    """Ask for this very path."""
    url = caller.gateway.url + path + query
    request = requests.Request("GET", url, headers={"x-api-key": caller.credential or ""} | headers).prepare()
    request.url = url
    with requests.Session() as session:
        return session.send(request, timeout=20)


READS = ["", "?label=staging", "?version=1", "/versions/1"]


@pytest.mark.parametrize("read", READS)
def test_what_has_not_changed_is_not_sent_again(team: Manager, name: str, read: str) -> None:
    first = asked(team, path_of(name), read)
    tag = first.headers["ETag"]

    for known in (tag, f"W/{tag}", f'"x", {tag}', "*", f'"a,b" ,W/"y",{tag}'):
        again = asked(team, path_of(name), read, **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == "private, no-cache"
        assert "Content-Type" not in again.headers
    for other in ('"x"', tag.strip('"'), "", '"'):
        whole = asked(team, path_of(name), read, **{"If-None-Match": other})
        assert (whole.status_code, whole.content) == (200, first.content)
    assert tag.startswith('"')
    assert first.headers["Cache-Control"] == "private, no-cache"


def test_whatever_changes_changes_the_tag(team: Manager) -> None:
    name = team.prompt()
    paths = [path_of(name), path_of(name, "versions", 1)]

    def tags() -> Iterator[str]:
        for path in paths:
            yield team.call("GET", path).headers["ETag"]

    before = list(tags())
    team.promote(name, 1)
    promoted = list(tags())
    team.call("PUT", path_of(name, "versions", 1, "labels"), {"labels": ["a"]})
    labelled = list(tags())

    assert len({*before, *promoted, *labelled}) == 6


def test_unknown_version_is_not_found_whatever_the_caller_has(team: Manager, name: str) -> None:
    response = asked(team, path_of(name), "?version=9", **{"If-None-Match": "*"})

    refused_f2(response, 404)
    assert "'version'" in refused_f2(asked(team, path_of(name), "?version=x"), 400)
    assert "not both" in refused_f2(asked(team, path_of(name), "?version=1&label=a"), 400)


@pytest.mark.parametrize(
    "component",
    [
        "%252F",
        "a%252Fb",
        "%2F",
        "..%2F..%2Fetc%2Fpasswd",
        "..",
        "%2e%2e",
        ".",
        "%00",
        "a%00b",
        "%FF%FE",
        "%C3%2F",
        "%ED%A0%80",
        "%EE%80%80",
        "a%EE%80%80b%20%C3%A9%EE%80%80..",
        "%",
        "%2",
        "%%2F",
        "%20",
        "%0A",
        "x" * 5_000,
        "%F0%9F%98%80" * 200,
        "{name}",
        "a;b",
        "a/b%20%C3%A9/..",
    ],
)
def test_hostile_name_in_a_path_is_a_name_that_there_is_not(team: Manager, name: str, component: str) -> None:
    assert name
    for more in ("", "/versions", "/versions/1", "/diff", "/promotions"):
        response = asked(team, f"{PROMPTS}/{component}{more}")

        assert refused_f2(response, 404).startswith("Not found: ")


@pytest.mark.parametrize("component", ["a%2Fb%20%C3%A9%2F..", "a%2fb e%CC%81%2F%2E%2E", "%61%2F%62%20%c3%a9%2f..%20"])
def test_name_is_found_however_it_is_encoded(team: Manager, name: str, component: str) -> None:
    assert asked(team, f"{PROMPTS}/{component}").json()["name"] == name
    assert asked(team, f"{PROMPTS}/{component}/versions/1").json()["number"] == 1


def test_one_project_never_sees_the_prompts_of_another(admin: Administrator, team: Manager, name: str) -> None:
    stranger = manager(admin)
    calls = [
        ("GET", path_of(name), None),
        ("PATCH", path_of(name), {"description": "x"}),
        ("DELETE", path_of(name), None),
        ("GET", path_of(name, "versions"), None),
        ("POST", path_of(name, "versions"), {"template": "x"}),
        ("GET", path_of(name, "versions", 1), None),
        ("PUT", path_of(name, "versions", 1), {"template": "x"}),
        ("DELETE", path_of(name, "versions", 1), None),
        ("POST", path_of(name, "versions", 1, "promote"), {}),
        ("POST", path_of(name, "versions", 1, "archive"), {}),
        ("PUT", path_of(name, "versions", 1, "labels"), {"labels": []}),
        ("POST", path_of(name, "rollback"), {}),
        ("GET", path_of(name, "promotions"), None),
        ("GET", path_of(name, "diff"), None),
    ]
    before = asked(team, path_of(name)).content

    for method, path, body in calls:
        theirs = stranger.call(method, path, body)
        missing = stranger.call(method, path.replace(path_of(name), path_of("nope")), body)
        assert refused_f2(theirs, 404) == refused_f2(missing, 404).replace("'nope'", f"'{name}'")
    assert stranger.names() == []
    assert asked(team, path_of(name)).content == before
    project = team.call("GET", "/auth/verify").json().get("project_id", "proj-default")
    for other in (project, "proj_missing"):
        assert "own project" in refused_f2(stranger.call("GET", PROMPTS, projectId=other), 403)


def test_administrator_names_the_project(admin: Administrator) -> None:
    project_id = admin.project()
    made = admin.call("POST", PROMPTS, {"name": "of the house"}, projectId=project_id)

    assert made.status_code == 200
    rows = admin.call("GET", PROMPTS, projectId=project_id).json()["prompts"]
    assert [row["name"] for row in rows] == ["of the house"]
    assert Manager(admin.gateway, admin.key(project_id)["value"]).names() == ["of the house"]
    for unknown in ("proj_missing", "\x00", "x" * 500):
        refused_f2(admin.call("GET", PROMPTS, projectId=unknown), 404)


def test_key_needs_the_scope_of_prompts(admin: Administrator) -> None:
    refused = manager(admin, "surface:completion", "surface:run")
    allowed = manager(admin, "surface:prompts")

    for method, path in (("GET", PROMPTS), ("GET", path_of("x")), ("POST", path_of("x", "rollback"))):
        assert "'surface:prompts'" in refused_f2(refused.call(method, path), 403)
    assert allowed.names() == []


def test_token_manages_the_default_project(admin: Administrator) -> None:
    token = Caller(admin.gateway, admin.gateway.token())
    name = "of the default project"

    made = token.call("POST", PROMPTS, {"name": name})
    found = admin.call("GET", PROMPTS, search=name).json()["prompts"]
    token.call("DELETE", path_of(name))

    assert made.status_code == 200
    assert [row["name"] for row in found] == [name]


def test_nobody_and_a_revoked_key_are_told_so(admin: Administrator) -> None:
    for credential in (None, "sk_" + "0" * 48, "x.y.z"):
        refused_f2(Caller(admin.gateway, credential, "x-api-key").call("GET", PROMPTS), 401)
