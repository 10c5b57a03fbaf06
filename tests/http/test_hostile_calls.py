"""Calls that are cut, nested, doubled, endless or guessed: each is refused, and nothing is done for any of them."""

import re
import socket
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

import pytest
import requests

from tests.gateway import Gateway, refused, vendors
from tests.http.accounts import ORGANIZATION, Administrator, Caller, admin_key, within
from tests.upstream import Upstream

DEEP = b'{"x":' + b"[" * 4_000 + b"]" * 4_000 + b"}"
ENDLESS = "1" + "0" * 5_000
WRONG = "sk_" + "{:048d}"


@pytest.fixture(scope="module")
def house(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    return gateway_with(**vendors(upstream), ROUTER_V1_PLANNER="gpt-4o-mini")


@pytest.fixture(scope="module")
def admin(house: Gateway) -> Administrator:
    return Administrator(house, admin_key(house))


def cut_upload(admin: Administrator, path: str) -> None:
    """Send the head and the first half of a body, and leave."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{admin.gateway.port}",
        f"Authorization: Bearer {admin.credential}",
        "Content-Type: application/json",
        "Content-Length: 90",
    ]
    with socket.create_connection(("127.0.0.1", admin.gateway.port), timeout=20) as wire:
        wire.sendall("\r\n".join(lines).encode() + b'\r\n\r\n{"grace_seconds"')


def answered(house: Gateway, tail: str) -> int:
    """Return how many requests of the routes that end so were answered."""
    found = re.findall(rf'^router_requests_total{{.*route="[^"]*{tail}".*}} (\d+)', house.metrics(), re.MULTILINE)
    return sum(map(int, found))


@pytest.mark.parametrize("tail", ["/rotate", "/service_accounts", "/api_keys", "/admin_api_keys"])
def test_nothing_is_made_for_an_upload_that_is_cut(admin: Administrator, tail: str) -> None:
    project_id = admin.project()
    key = admin.key(project_id)
    keys = f"{ORGANIZATION}/projects/{project_id}/api_keys"
    accounts = f"{ORGANIZATION}/projects/{project_id}/service_accounts"
    account = admin.call("GET", accounts).json()["data"][0]["id"]
    paths = {
        "/rotate": f"{keys}/{key['id']}/rotate",
        "/service_accounts": accounts,
        "/api_keys": f"{accounts}/{account}/api_keys",
        "/admin_api_keys": f"{ORGANIZATION}/admin_api_keys",
    }
    lists = (keys, accounts, f"{ORGANIZATION}/admin_api_keys")
    before = [admin.call("GET", path).json() for path in lists]
    count = answered(admin.gateway, tail)

    cut_upload(admin, paths[tail])

    assert within(10, lambda: answered(admin.gateway, tail) > count)
    assert [admin.call("GET", path).json() for path in lists] == before


@pytest.mark.parametrize("path", ["/auth/token", "/completion", "/api/v1/keys", f"{ORGANIZATION}/projects"])
def test_body_that_is_nested_without_end_is_a_fault_of_the_body(admin: Administrator, path: str) -> None:
    caller = admin.caller("proj-default", "keys") if path == "/completion" else admin
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {caller.credential}"}

    response = requests.post(admin.gateway.url + path, data=DEEP, headers=headers, timeout=20)

    assert response.status_code == 400, response.text
    assert "Traceback" not in admin.gateway.log
    assert "unforeseen" not in admin.gateway.log


@pytest.mark.parametrize(
    "path",
    [
        f"{ORGANIZATION}/projects?limit=",
        f"{ORGANIZATION}/admin_api_keys?limit=",
        f"{ORGANIZATION}/budgets?limit=",
        f"{ORGANIZATION}/alerts?limit=",
        f"{ORGANIZATION}/spend_alerts?limit=",
        "/api/v1/keys?limit=",
        f"{ORGANIZATION}/usage/completions?start_time=",
        f"{ORGANIZATION}/usage/completions?start_time=1790000000&limit=",
        f"{ORGANIZATION}/usage/completions?start_time=1790000000&end_time=",
        f"{ORGANIZATION}/costs?start_time=",
    ],
)
def test_number_of_thousands_of_digits_is_refused(admin: Administrator, path: str) -> None:
    for number in (ENDLESS, "00000000" + ENDLESS):
        response = admin.call("GET", path + number)

        assert response.status_code == 400, response.text


@pytest.mark.parametrize("path", ["/auth/verify", "/models", f"{ORGANIZATION}/projects", "/api/v1/keys", "/completion"])
def test_two_credentials_that_differ_are_refused_and_one_sent_twice_is_not(admin: Administrator, path: str) -> None:
    caller = admin if path.startswith(ORGANIZATION) else admin.caller("proj-default", "keys")
    other = admin.caller("proj-default", "keys")
    bearer = {"Authorization": f"Bearer {caller.credential}"}
    method, body = ("POST", {"message": "Bonjour"}) if path == "/completion" else ("GET", None)

    def call(second: str | None) -> int:
        headers = bearer | {"x-api-key": second or ""}
        return requests.request(method, admin.gateway.url + path, json=body, headers=headers, timeout=20).status_code

    assert call(caller.credential) == 200
    assert call(other.credential) == 401
    assert call("sk_wrong") == 401


def test_two_keys_that_differ_get_no_token(admin: Administrator) -> None:
    one, other = admin.caller("proj-default"), admin.caller("proj-default")
    bearer = {"Authorization": f"Bearer {one.credential}"}

    def call(second: str | None) -> int:
        headers = bearer | {"x-api-key": second or ""}
        return requests.post(f"{admin.gateway.url}/auth/token", headers=headers, timeout=20).status_code

    assert (call(one.credential), call(other.credential)) == (200, 401)


def test_keys_made_with_a_revoked_key_are_refused_within_a_second(admin: Administrator) -> None:
    key = admin.key("proj-default", ("keys",))
    maker = Caller(admin.gateway, key["value"])
    child = Caller(admin.gateway, maker.made("/api/v1/keys", {"name": "child", "scopes": ["keys"]})["key"])
    grandchild = Caller(admin.gateway, child.made("/api/v1/keys", {"name": "grandchild"})["key"])
    assert [each.verify().status_code for each in (child, grandchild)] == [200, 200]

    admin.call("DELETE", f"{ORGANIZATION}/projects/proj-default/api_keys/{key['id']}")

    assert within(1, lambda: [each.verify().status_code for each in (maker, child, grandchild)] == [401] * 3)


def test_answers_with_a_credential_are_kept_by_no_cache(admin: Administrator) -> None:
    project = f"{ORGANIZATION}/projects/{admin.project()}"
    account = admin.call("POST", f"{project}/service_accounts", {"name": "robot"})
    made = admin.call("POST", f"{project}/service_accounts/{account.json()['id']}/api_keys", {})
    answers = [
        account,
        made,
        admin.call("POST", f"{project}/api_keys/{made.json()['id']}/rotate", {}),
        admin.call("POST", f"{ORGANIZATION}/admin_api_keys", {"name": "a"}),
        admin.call("POST", "/api/v1/keys", {"name": "p"}),
        requests.post(f"{admin.gateway.url}/auth/token", timeout=20),
    ]

    assert [answer.status_code for answer in answers] == [200] * 6
    assert [answer.headers.get("Cache-Control") for answer in answers] == ["no-store"] * 6


def test_a_plan_is_made_by_no_model_that_the_key_may_not_use(admin: Administrator, upstream: Upstream) -> None:
    narrow, wide = admin.caller("proj-default", "model:gpt-4o"), admin.caller("proj-default")
    planners = {}
    for name, caller in (("narrow", narrow), ("wide", wide)):
        question = upstream.expect()
        assert caller.ask(question, model="gpt-4o", agent="V1").status_code == 200
        planners[name] = upstream.seen(question)[0].body["model"]

    assert planners["narrow"].startswith("gpt-4o")
    assert "mini" not in planners["narrow"]
    assert "mini" in planners["wide"]


def test_a_wrong_idempotency_key_is_a_fault_of_a_header(admin: Administrator) -> None:
    headers = {"Authorization": f"Bearer {admin.caller('proj-default').credential}", "Idempotency-Key": "x" * 256}

    response = requests.post(f"{admin.gateway.url}/completion", json={"message": "a"}, headers=headers, timeout=20)

    refused(response, 400, "invalid_request")
    assert [(each["key"], each["source"]) for each in response.json()["extra"]] == [("Idempotency-Key", "header")]


def test_whoever_guesses_is_told_to_wait_and_whoever_is_known_is_not(
    gateway_with: Callable[..., Gateway], upstream: Upstream
) -> None:
    house = gateway_with(**vendors(upstream))
    admin = Administrator(house, admin_key(house))
    known, token = admin.caller("proj-default"), Caller(house, house.token())
    assert known.verify().status_code == 200

    answers = [Caller(house, WRONG.format(number)).verify() for number in range(70)]

    statuses = [answer.status_code for answer in answers]
    assert statuses[:60] == [401] * 60
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    refused(limited[0], 429, "rate_limited")
    assert int(limited[0].headers["Retry-After"]) >= 1
    grant = {"grant_type": "client_credentials", "client_secret": WRONG.format(1)}
    assert requests.post(f"{house.url}/auth/token", json=grant, timeout=20).status_code == 429
    admin.project()
    for caller in (known, token, admin):
        assert caller.verify().status_code == 200
    english = Caller(house, WRONG.format(99)).call("GET", f"{ORGANIZATION}/projects")
    assert english.status_code == 429
    assert "too many wrong credentials" in english.json()["error"]["message"]


def test_page_that_counts_thousands_of_digits_is_refused(admin: Administrator) -> None:
    path = f"{ORGANIZATION}/usage/completions?start_time=1790000000&limit=1"
    page = admin.call("GET", path).json()["next_page"].removeprefix("page_")
    digest = urlsafe_b64decode(page + "=" * (-len(page) % 4)).partition(b".")[2]
    forged = urlsafe_b64encode(ENDLESS.encode() + b"." + digest).decode().rstrip("=")

    assert admin.call("GET", f"{path}&page=page_{forged}").status_code == 400
