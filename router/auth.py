"""Who is calling: tokens made, verified and remembered, and the one 401 for every cause (2.1)."""

import hashlib
import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import jwt
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from accounts.scopes import Scopes
from router.errors import Refused
from router.families import family_of

ALGORITHM = "HS256"
TOKEN_TTL_S = 3600
LONGEST_TOKEN = 4096  # bytes; ours have under 300
MOST_REMEMBERED = 10_000
CLOCK_LEEWAY_S = 30  # for `nbf` and `iat` alone; `exp` has none
HEADER_FIELDS = frozenset({"alg", "typ", "kid"})
DEFAULT_PROJECT = "proj-default"
LONGEST_LIFE_S = 366 * 24 * 3600
PROXY_HEADERS = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-client-ip",
        b"x-real-ip",
        b"cf-connecting-ip",
        b"true-client-ip",
    }
)
FORWARDED = b"x-forwarded-"  # a family without end: for, host, port, proto, server, ...
NEVER = 1 << 53
UNRESTRICTED = Scopes()
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

Headers = Iterable[tuple[bytes, bytes]]
Connection = ASGIConnection[Any, Any, Any, Any]


class Principal(Struct, frozen=True):
    """A verified caller.

    Attributes:
        subject: Whom a token names; of a key, its id.
        kind: `access` for a token, else the kind of the key: `project`, `prompt` or `admin`.
        expires_at: Seconds of the epoch; NEVER for a key without an end.
        project_id: What its requests are booked on.
        key_id: The key that it is or that its token was made from; None for a token without one.
        scopes: What it may be used for.

    """

    subject: str
    kind: str
    expires_at: int
    project_id: str = DEFAULT_PROJECT
    key_id: str | None = None
    scopes: Scopes = UNRESTRICTED


class Authenticator:
    """Makes and verifies HS256 tokens; secrets rotate by `kid`.

    A token is remembered by the SHA-256 of the whole of it, and never past its expiry.

    Args:
        secret: Signs new tokens and verifies those without `kid`.
        rotated: Further secrets that still verify, by the `kid` their tokens carry.

    """

    def __init__(self, secret: str, rotated: dict[str, str]) -> None:
        self._secret = secret
        self._kid = _fingerprint(secret)
        self._secrets = {_fingerprint(old): old for old in rotated.values()} | rotated | {self._kid: secret}
        self._remembered: dict[bytes, Principal] = {}

    def issue(self, subject: str, ttl_s: int = TOKEN_TTL_S) -> str:
        """Return a new access token for `subject`, valid for `ttl_s` seconds."""
        now = int(time.time())
        claims: dict[str, Any] = {"sub": subject, "type": "access", "exp": now + ttl_s, "iat": now}
        # A key may be of a library that is not installed, so the type is unknown.
        return jwt.encode(claims, self._secret, ALGORITHM, headers={"kid": self._kid})  # pyright: ignore[reportUnknownMemberType]

    def principal(self, headers: Headers) -> Principal:
        """Return who carries these headers.

        Raises:
            Refused: `unauthorized`, whatever is wrong.

        """
        token = _credential(headers)
        digest = hashlib.sha256(token).digest()
        known = self._remembered.get(digest)
        if known is None:
            known = self._verified(token)
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[digest] = known
        if known.expires_at <= time.time():
            self._remembered.pop(digest, None)
            raise Refused("unauthorized")
        return known

    def _verified(self, token: bytes) -> Principal:
        try:
            header = jwt.get_unverified_header(token)
            secret = self._secrets[header["kid"]] if "kid" in header else self._secret
            if not header.keys() <= HEADER_FIELDS:
                raise Refused("unauthorized")
            claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType] - as above
                token,
                secret,
                algorithms=[ALGORITHM],
                leeway=CLOCK_LEEWAY_S,
                options={"require": ["exp", "sub", "type"]},
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as cause:
            raise Refused("unauthorized") from cause
        return _principal_of(claims)


def _principal_of(claims: dict[str, Any]) -> Principal:
    subject, kind, expires_at = claims["sub"], claims["type"], claims["exp"]
    # A token that names an issuer was made elsewhere; one that names an audience is refused before.
    if not isinstance(subject, str) or not subject or kind != "access" or "iss" in claims:
        raise Refused("unauthorized")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        raise Refused("unauthorized")
    if expires_at > time.time() + LONGEST_LIFE_S:
        raise Refused("unauthorized")
    return Principal(subject, kind, int(expires_at))


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:12]


def _credential(headers: Headers) -> bytes:
    """Return the one credential of a request, from either header (X-1)."""
    bearer: bytes | None = None
    key: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if bearer is not None:
                raise Refused("unauthorized")
            scheme, _, bearer = value.partition(b" ")
            if scheme.lower() != b"bearer":
                raise Refused("unauthorized")
        elif name == b"x-api-key":
            if key is not None:
                raise Refused("unauthorized")
            key = value
    token = (bearer if bearer is not None else key or b"").strip()
    if not token or len(token) > LONGEST_TOKEN:
        raise Refused("unauthorized")
    return token


def is_local_caller(peer: tuple[str, int] | None, headers: Headers) -> bool:
    """Whether a request surely comes from a program on this machine: no proxy, no page of another site (2.1.4)."""
    if peer is None or not ip_address(peer[0]).is_loopback:
        return False
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in PROXY_HEADERS or name.startswith(FORWARDED) or (name == b"host" and name in seen):
            return False
        seen[name] = value
    host = seen.get(b"host", b"").decode("latin-1").lower()
    if seen.get(b"sec-fetch-site", b"none") not in {b"same-origin", b"none"}:
        return False
    origin = seen.get(b"origin")
    if origin is not None and origin.decode("latin-1").lower() != f"http://{host}":
        return False
    return _host_name(host) in LOOPBACK_NAMES


def _host_name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


async def require_credential(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard every route that does not say `public`: any credential but an admin key, which is for no use (6.2.2)."""
    if handler.opt.get("public"):
        return
    await _identify(connection)
    if connection.scope["user"].kind == "admin":
        raise refused_credential(connection.scope["headers"])


async def require_any_credential(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard a route for every caller that is known, admin keys too."""
    del handler
    await _identify(connection)


async def require_admin(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard a route for admin keys; who is known but no admin is told so."""
    del handler
    await _identify(connection)
    if connection.scope["user"].kind != "admin":
        say = family_of(connection.scope["path"]).choose
        raise Refused("forbidden", say("il faut une clé d'administration", "this takes an admin key (sk-admin-…)"))


GUARDS = (require_credential, require_any_credential, require_admin)


async def _identify(connection: Connection) -> None:
    authenticator: Authenticator = connection.app.state.authenticator
    connection.scope["user"] = authenticator.principal(connection.scope["headers"])


def refused_credential(headers: Headers) -> Refused:
    """Return the one refusal of a credential, whatever is wrong with it."""
    return Refused("unauthorized", masked(_credential(headers).decode("latin-1")))


def masked(credential: str) -> str:
    """Return what may be repeated of a credential: enough for its owner to know which one it was."""
    shown = 4
    if len(credential) < 4 * shown:
        return "****"
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "*" for letter in credential[-shown:])
    prefix = next((each for each in ("sk-proj-", "sk-admin-", "sk_", "sk-") if credential.startswith(each)), "")
    return f"{prefix}****{kept}"
