"""Every route that administers, tried by everybody who must not: one row a route and method."""

import pytest

from router.app import ADMIN_ROUTES
from router.families import F3, family_of
from tests.http.accounts import Administrator, Caller

ROWS = sorted(
    {
        (method, path.replace(":str", ""))
        for route in ADMIN_ROUTES
        for path in route.paths
        for method in route.http_methods
    }
)


@pytest.fixture(scope="module")
def strangers(admin: Administrator) -> list[tuple[Caller, int]]:
    """Who may not, and how each is told: unknown ones 401, known ones 403."""
    house = admin.gateway
    own, foreign = admin.caller("proj-default", "keys"), admin.caller(admin.project(), "keys")
    prompt = Caller(house, own.made("/api/v1/keys", {"name": "p"})["key"])
    unknown = [Caller(house, None), Caller(house, "sk-admin-" + "x" * 48), Caller(house, "a.b.c")]
    known = [own, foreign, prompt, Caller(house, house.token())]
    return [(caller, 401) for caller in unknown] + [(caller, 403) for caller in known]


@pytest.mark.parametrize(("method", "path"), ROWS, ids=[" ".join(row) for row in ROWS])
def test_route_is_for_administrators_alone(strangers: list[tuple[Caller, int]], method: str, path: str) -> None:
    asked = path.format_map(dict.fromkeys(("project_id",), "proj-default") | dict.fromkeys(names(path), "x"))

    answers = [(caller.call(method, asked, {}), status) for caller, status in strangers]

    assert [answer.status_code for answer, _ in answers] == [status for _, status in answers]
    if family_of(asked) is F3:
        assert all(set(answer.json()["error"]) == {"message", "type", "param", "code"} for answer, _ in answers)


def names(path: str) -> set[str]:
    return {part.strip("{}") for part in path.split("/") if part.startswith("{") and part != "{project_id}"}
