"""Tokens: who gets one, what is in it, and every forgery that must fail (2.1, X-1)."""

import base64
import hashlib
import hmac
import http.client
import json
import time
from typing import Any

import pytest
import requests

from tests.gateway import OLD_SECRET, SECRET, Client, Gateway, refused

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
HS256 = {"alg": "HS256", "typ": "JWT"}


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes: object) -> dict[str, Any]:
    # Some are made when tests are collected, long before they are shown.
    now = int(time.time())
    return {"sub": "user", "type": "access", "exp": now + 3600} | changes


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in claims().items() if key != name}


def signed(payload: object, header: object = HS256, secret: str = SECRET, algorithm: str = "HS256") -> str:
    """Sign whatever it is given: unlike a library, it forges too."""
    body = f"{part(header)}.{part(payload)}"
    return f"{body}.{part(hmac.digest(secret.encode(), body.encode(), HASHES[algorithm]))}"


def verify(gateway: Gateway, **headers: str) -> requests.Response:
    return requests.get(f"{gateway.url}/auth/verify", headers=headers, timeout=10)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# 2.1.1, 2.1.2
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}])
def test_token_is_a_plain_hs256_jwt(gateway: Gateway, headers: dict[str, str]) -> None:
    before = int(time.time())

    response = requests.post(f"{gateway.url}/auth/token", headers=headers, timeout=10)

    assert response.status_code == 200
    answer = response.json()
    assert list(answer) == ["access_token", "token_type", "expires_in"]
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)
    header, payload, _ = (base64.urlsafe_b64decode(piece + "==") for piece in answer["access_token"].split("."))
    assert json.loads(header)["alg"] == "HS256"
    assert {"sub", "type", "exp"} <= set(json.loads(payload)) <= {"sub", "type", "exp", "iat", "jti"}
    assert json.loads(payload)["type"] == "access"
    assert before + 3600 <= json.loads(payload)["exp"] <= int(time.time()) + 3601


# 2.1.3
def test_verify_shows_the_caller(gateway: Gateway, token: str) -> None:
    response = verify(gateway, **bearer(token))

    assert response.status_code == 200
    assert response.json()["valid"] is True
    assert set(response.json()) == {"valid", "user"}
    assert set(response.json()["user"]) == {"sub", "type", "exp"}


# 2.1.2, 2.1.4: the seed's three claims are enough; a rotated secret verifies by its kid.
@pytest.mark.parametrize(
    "token",
    [
        signed(claims()),
        signed(claims(), HS256 | {"kid": "old"}, OLD_SECRET),
    ],
    ids=["bare", "rotated"],
)
def test_token_of_a_known_secret_is_accepted(gateway: Gateway, token: str) -> None:
    assert verify(gateway, **bearer(token)).status_code == 200


# Made when they are used: the suite takes longer than the first one lives.
@pytest.mark.parametrize(("claim", "seconds"), [("exp", 60), ("iat", 0)], ids=["expires-soon", "issued-now"])
def test_token_of_this_very_moment_is_accepted(gateway: Gateway, claim: str, seconds: int) -> None:
    token = signed(claims(**{claim: int(time.time()) + seconds}))

    assert verify(gateway, **bearer(token)).status_code == 200


#
@pytest.mark.parametrize(
    "carrier", ["x-api-key", "X-API-KEY", "authorization", "AUTHORIZATION", "scheme-in-lower-case"]
)
def test_token_is_accepted_from_either_header(gateway: Gateway, token: str, carrier: str) -> None:
    headers = {"Authorization": f"bearer {token}"} if carrier == "scheme-in-lower-case" else {carrier: token}
    if carrier.lower() == "authorization":
        headers = {carrier: f"Bearer {token}"}

    assert verify(gateway, **headers).status_code == 200


NOW = int(time.time())
FORGED = {
    "garbled": "abc",
    "three-empty-parts": "..",
    "not-base64": "a!.b!.c!",
    "8-kB": "a" * 4000 + "." + "b" * 2000 + "." + "c" * 2000,
    "alg-none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}.",
    "alg-NoNe": f"{part({'alg': 'NoNe', 'typ': 'JWT'})}.{part(claims())}.",
    "alg-missing": signed(claims(), {"typ": "JWT"}),
    "HS384": signed(claims(), {"alg": "HS384"}, algorithm="HS384"),
    "HS512": signed(claims(), {"alg": "HS512"}, algorithm="HS512"),
    "RS256": signed(claims(), {"alg": "RS256"}),
    "ES256": signed(claims(), {"alg": "ES256"}),
    "EdDSA": signed(claims(), {"alg": "EdDSA"}),
    "other-secret": signed(claims(), secret="another-secret-that-is-long-enough-for-hs256"),
    "empty-secret": signed(claims(), secret=""),
    "rotated-secret-without-kid": signed(claims(), secret=OLD_SECRET),
    "main-secret-under-rotated-kid": signed(claims(), HS256 | {"kid": "old"}),
    "unknown-kid": signed(claims(), HS256 | {"kid": "nobody"}),
    "kid-path": signed(claims(), HS256 | {"kid": "../../dev/null"}, secret=""),
    "kid-sql": signed(claims(), HS256 | {"kid": "' OR 1=1 --"}),
    "kid-number": signed(claims(), HS256 | {"kid": 7}),
    "kid-list": signed(claims(), HS256 | {"kid": ["old"]}, OLD_SECRET),
    "jwk": signed(claims(), HS256 | {"jwk": {"kty": "oct", "k": part(b"k" * 32)}}, "k" * 32),
    "jku": signed(claims(), HS256 | {"jku": "http://127.0.0.1:1/keys"}, "k" * 32),
    "crit": signed(claims(), HS256 | {"crit": ["b64"], "b64": True}),
    "b64-false": signed(claims(), HS256 | {"b64": False, "crit": ["b64"]}),
    "header-list": signed(claims(), ["HS256"]),
    "payload-list": signed(["user"]),
    "payload-text": signed("user"),
    "expired": signed(claims(exp=NOW - 120)),
    "no-exp": signed(without("exp")),
    "exp-text": signed(claims(exp=str(NOW + 600))),
    "exp-true": signed(claims(exp=True)),
    "exp-huge": signed(claims(exp=10**30)),
    "exp-in-100-years": signed(claims(exp=NOW + 100 * 365 * 86_400)),
    "exp-null": signed(claims(exp=None)),
    "exp-infinite": signed(b'{"sub":"user","type":"access","exp":Infinity}'),
    "nbf-future": signed(claims(nbf=NOW + 3600)),
    "iat-future": signed(claims(iat=NOW + 3600)),
    "no-sub": signed(without("sub")),
    "sub-empty": signed(claims(sub="")),
    "sub-object": signed(claims(sub={"name": "user"})),
    "no-type": signed(without("type")),
    "type-refresh": signed(claims(type="refresh")),
    "type-list": signed(claims(type=["access"])),
    "audience": signed(claims(aud="elsewhere")),
    "issuer": signed(claims(iss="elsewhere")),
}


# 2.1.3: one answer for every cause, the request id apart.
@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_forged_token_is_refused_as_any_other(gateway: Gateway, token: str) -> None:
    missing = verify(gateway)
    response = verify(gateway, **bearer(token))

    assert refused(response, 401, "unauthorized")["type"] == missing.json()["error"]["type"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    told, plain = response.text, missing.text
    assert told.replace(response.headers["X-Request-Id"], "") == plain.replace(missing.headers["X-Request-Id"], "")


def test_altered_or_cut_token_is_refused(gateway: Gateway, token: str) -> None:
    header, payload, signature = token.split(".")
    flipped = signature[:-2] + ("A" if signature[-2] != "A" else "B") + signature[-1]

    for forged in (f"{header}.{payload}.", f"{header}.{payload}.{flipped}", f"{header}.{payload}.{signature}.x"):
        refused(verify(gateway, **bearer(forged)), 401, "unauthorized")
    assert verify(gateway, **bearer(token)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Token abc"},
        {"x-api-key": "sk-nobody"},
        {"x-api-key": "' OR '1'='1"},
        {"x-api-key": "*"},
        {"x-api-key": "k" * 8000},
        {"Cookie": "access_token=abc"},
    ],
    ids=lambda headers: " ".join(next(iter(headers.items())))[:30],
)
def test_wrong_credential_is_refused(gateway: Gateway, headers: dict[str, str]) -> None:
    refused(verify(gateway, **headers), 401, "unauthorized")


@pytest.mark.parametrize("headers", [{"x-api-key": "k" * 64_000}, bearer("a.b." + "c" * 64_000)], ids=["key", "token"])
def test_endless_credential_is_refused_unread(gateway: Gateway, headers: dict[str, str]) -> None:
    response = verify(gateway, **headers)

    assert response.status_code in {400, 401, 431}
    assert response.json()["error"]["request_id"]


def test_token_in_the_address_is_no_credential(gateway: Gateway, token: str) -> None:
    response = requests.get(f"{gateway.url}/auth/verify", params={"token": token, "access_token": token}, timeout=10)

    refused(response, 401, "unauthorized")


def test_two_authorization_headers_are_refused(gateway: Gateway, token: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.putrequest("GET", "/auth/verify")
    for _ in range(2):
        connection.putheader("Authorization", f"Bearer {token}")
    connection.endheaders()

    assert connection.getresponse().status in {400, 401}
    connection.close()


@pytest.mark.parametrize("path", ["/models", "/agents", "/auth/verify", "/usage"])
def test_every_other_route_needs_a_credential(gateway: Gateway, path: str) -> None:
    refused(requests.get(gateway.url + path, timeout=10), 401, "unauthorized")


def test_completion_needs_a_credential_before_it_reads_the_body(gateway: Gateway) -> None:
    refused(requests.post(f"{gateway.url}/completion", data=b"{", timeout=10), 401, "unauthorized")


# 2.1.4: the address of the caller alone is no proof of a person at this machine.
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost"}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Host": "gateway.example"}, 401),
        ({"Host": "localhost.example:{port}"}, 401),
        ({"Host": "127.0.0.1.example"}, 401),
        ({"Origin": "http://evil.example"}, 401),
        ({"Origin": "null"}, 401),
        ({"Origin": "http://localhost.evil.example:{port}"}, 401),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        ({"Sec-Fetch-Site": "same-site"}, 401),
        ({"Forwarded": "for=192.0.2.1"}, 401),
        ({"X-Forwarded-For": "192.0.2.1"}, 401),
        ({"X-Forwarded-For": "127.0.0.1"}, 401),
        ({"X-Forwarded-Host": "localhost"}, 401),
        ({"X-Forwarded-Proto": "https"}, 401),
        ({"X-Real-IP": "127.0.0.1"}, 401),
    ],
    ids=lambda value: "-".join(next(iter(value.items()))) if isinstance(value, dict) else str(value),
)
def test_anonymous_token_is_for_this_machine_only(gateway: Gateway, headers: dict[str, str], status: int) -> None:
    sent = {name: value.format(port=gateway.port) for name, value in headers.items()}

    response = requests.post(f"{gateway.url}/auth/token", headers=sent, timeout=10)

    assert response.status_code == status
    if status == 401:
        refused(response, 401, "unauthorized")


# A token that was verified is remembered, but never past its expiry.
def test_token_expires_to_the_second(gateway: Gateway) -> None:
    expiry = int(time.time()) + 2
    headers = bearer(signed(claims(exp=expiry)))
    assert verify(gateway, **headers).status_code == 200

    while verify(gateway, **headers).status_code == 200:
        assert time.time() < expiry + 1

    assert time.time() >= expiry
    refused(verify(gateway, **headers), 401, "unauthorized")


# 2.1.5
def test_token_is_renewed_by_asking_again(gateway: Gateway) -> None:
    first, second = Client(gateway, gateway.token()), Client(gateway, gateway.token())

    assert first.get("/auth/verify").status_code == second.get("/auth/verify").status_code == 200
