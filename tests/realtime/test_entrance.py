"""Who may open a session, from which page, and how everybody else is told (2.6.3)."""

import json
import time
from typing import Any

import jwt as jose
import pytest
from websockets.exceptions import InvalidStatus

from tests.gateway import SECRET, Gateway
from tests.http.accounts import Administrator
from tests.realtime.conftest import PAGE
from tests.talk import Talk, talking
from tests.upstream import STORY, Upstream

WRONG = "sk-proj-" + "x" * 48


def token(seconds: int, **more: object) -> str:
    return jose.encode({"sub": "user", "type": "access", "exp": int(time.time()) + seconds, **more}, SECRET, "HS256")


def test_anybody_on_this_machine_may_talk_in_development(open_house: Gateway) -> None:
    with talking(open_house) as talk:
        assert talk.next()[1]["auth"] == "anonymous"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_whom_a_proxy_brings_needs_a_credential_in_development_too(open_house: Gateway, header: str) -> None:
    with talking(open_house, additional_headers={header: "203.0.113.9"}) as talk:
        assert talk.next()[1]["auth"] == "required"


# Each place that a credential may be in.
PLACES = ["bearer", "x-api-key", "address", "subprotocol", "first-frame"]


def opened(gateway: Gateway, place: str, credential: str) -> Any:
    match place:
        case "bearer":
            return talking(gateway, additional_headers={"Authorization": f"Bearer {credential}"})
        case "x-api-key":
            return talking(gateway, additional_headers={"x-api-key": credential})
        case "address":
            return talking(gateway, f"?token={credential}")
        case "subprotocol":
            return talking(gateway, subprotocols=[f"bearer.{credential}"])
        case _:
            return talking(gateway)


def shown(talk: Talk, place: str, credential: str) -> None:
    if place == "first-frame":
        assert talk.next()[1]["auth"] == "required"
        talk.send("auth", token=credential)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["key", "jwt"])
def test_a_credential_opens_from_every_place(
    production: Gateway, upstream: Upstream, request: pytest.FixtureRequest, place: str, kind: str
) -> None:
    credential = request.getfixturevalue(kind)

    with opened(production, place, credential) as talk:
        shown(talk, place, credential)
        connected = talk.next()
        text, _ = talk.ask(upstream.expect())

    assert connected[0] == "connected"
    assert connected[1]["auth"] == "token"
    assert text == "".join(STORY)
    assert talk.wire.subprotocol == (f"bearer.{credential}" if place == "subprotocol" else None)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrong", ["key", "expired", "forged", "admin"])
def test_a_wrong_credential_is_told_and_closed_4401(
    production: Gateway, doorkeeper: Administrator, place: str, wrong: str
) -> None:
    credentials = {
        "key": WRONG,
        "expired": token(-5),
        "forged": token(600)[:-4] + "AAAA",
        "admin": str(doorkeeper.credential),
    }

    with opened(production, place, credentials[wrong]) as talk:
        shown(talk, place, credentials[wrong])
        code = talk.closed()

    assert code == 4401
    kind, payload = talk.told[-1]
    assert kind == "error"
    assert (payload["code"], payload["message"]) == ("unauthorized", "Token invalide ou expiré")


@pytest.mark.parametrize(
    "frame", [b"\0\0", "{", json.dumps({"type": "ping"}), json.dumps({"type": "message", "payload": {"text": "?"}})]
)
def test_a_first_frame_without_a_credential_closes(production: Gateway, frame: str | bytes) -> None:
    with talking(production) as talk:
        talk.wire.send(frame)

        assert talk.closed() == 4401


def test_silence_is_waited_for_five_seconds(production: Gateway) -> None:
    with talking(production) as talk:
        talk.next()
        began = time.monotonic()
        code = talk.closed()
        took = time.monotonic() - began

    assert code == 4401
    assert 4 < took < 8


def test_two_credentials_that_differ_are_none(production: Gateway, key: str, jwt: str) -> None:
    with talking(production, f"?token={jwt}", additional_headers={"x-api-key": key}) as talk:
        assert talk.closed() == 4401


def test_a_token_that_expires_ends_its_session(open_house: Gateway) -> None:
    ends_at = int(time.time()) + 2
    with talking(open_house, f"?token={token(2)}") as talk:
        code = talk.closed()

    assert code == 4401
    assert time.time() < ends_at + 2


def test_a_new_token_keeps_a_session(open_house: Gateway) -> None:
    with talking(open_house, f"?token={token(2)}") as talk:
        talk.until("connected")
        talk.send("auth", token=token(600))
        talk.until("connected")
        with pytest.raises(TimeoutError):
            talk.wire.recv(timeout=3)
        talk.send("ping")

        assert talk.until("pong")


def test_a_session_is_not_taken_over_for_another_project(
    production: Gateway, doorkeeper: Administrator, upstream: Upstream, key: str
) -> None:
    other = doorkeeper.key(doorkeeper.project())["value"]

    with talking(production, f"?token={key}") as talk:
        talk.until("connected")
        talk.send("auth", token=other)
        refusal = talk.until("error")
        _, done = talk.ask(upstream.expect())

    assert refusal["code"] == "forbidden"
    assert production.row(done["metadata"]["request_id"])["project_id"] == "proj-default"


def test_a_key_that_may_not_talk_is_told_what_it_lacks(host: Administrator) -> None:
    caller = host.caller("proj-default", "surface:completion")

    with talking(host.gateway, f"?token={caller.credential}") as talk:
        code = talk.closed()

    assert code == 4403
    assert talk.told[-1][1]["code"] == "forbidden"
    assert "surface:realtime" in talk.told[-1][1]["message"]


def test_a_key_reaches_no_other_model_agent_or_project(host: Administrator, upstream: Upstream) -> None:
    scopes = ("model:gpt-4o", "agent:V2", "surface:realtime")
    caller = host.caller("proj-default", *scopes)

    with talking(host.gateway, f"?token={caller.credential}") as talk:
        refusals = [
            talk.ask(upstream.expect(), **fields)[1]
            for fields in ({"model": "mistral-large-latest"}, {"agent": "V1"}, {"project_id": host.project()})
        ]
        text, _ = talk.ask(upstream.expect())

    assert [each["code"] for each in refusals] == ["forbidden", "forbidden", "not_found"]
    assert text == "".join(STORY)


HERE = ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:5173", "http://localhost", "https://localhost"]
ELSEWHERE = [
    "https://evil.example",
    "http://localhost.evil.example",
    "null",
    "http://127.0.0.1@evil.example",
    "file://",
]
LOOKALIKES = [f"{PAGE}.evil", f"{PAGE}:8443", PAGE.replace("https", "http"), PAGE.upper(), f"{PAGE}/"]


@pytest.mark.parametrize("origin", HERE)
def test_a_page_of_this_machine_may_talk_in_development(open_house: Gateway, origin: str) -> None:
    with talking(open_house, origin=origin) as talk:
        assert talk.next()[1]["auth"] == "anonymous"


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_a_foreign_page_is_refused_before_the_upgrade(open_house: Gateway, origin: str) -> None:
    assert refusal(open_house, origin=origin) == (403, "forbidden")
    assert "ASGI" not in open_house.log  # a refusal is no error of ours


@pytest.mark.parametrize("origin", [*ELSEWHERE, *LOOKALIKES, *HERE])
def test_no_credential_helps_a_foreign_page(production: Gateway, jwt: str, origin: str) -> None:
    assert refusal(production, query=f"?token={jwt}", origin=origin) == (403, "forbidden")


def test_a_listed_page_may_talk_with_a_credential(production: Gateway, jwt: str) -> None:
    with talking(production, f"?token={jwt}", origin=PAGE) as talk:
        assert talk.next()[1]["auth"] == "token"


def test_two_origins_are_none(production: Gateway, jwt: str) -> None:
    twice = [("Origin", PAGE), ("Origin", PAGE)]

    assert refusal(production, query=f"?token={jwt}", additional_headers=twice) == (400, "invalid_request")


def refusal(gateway: Gateway, query: str = "", **options: Any) -> tuple[int, str]:
    """Return the status of a handshake that is refused, and the code of its error."""
    with pytest.raises(InvalidStatus) as refused, talking(gateway, query, **options):
        pass
    response = refused.value.response
    body = json.loads(response.body or b"")
    assert body["error"]["request_id"] == response.headers["X-Request-Id"]
    return response.status_code, body["error"]["code"]


def test_guessing_from_one_address_is_stopped(production: Gateway, key: str) -> None:
    codes = [guessed(production, number) for number in range(70)]

    assert codes[0] == 4401
    assert codes[-1] == 429
    with talking(production, f"?token={key}") as talk:
        assert talk.next()[1]["auth"] == "token"


def guessed(gateway: Gateway, number: int) -> int:
    try:
        with talking(gateway, f"?token={WRONG[:-6]}{number:06d}") as talk:
            return talk.closed()
    except InvalidStatus as refused:
        return refused.response.status_code
