"""`/auth/token` and `/auth/verify`: getting a token and asking about one (2.1)."""

import binascii
import time
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, get, post
from msgspec import Struct

from accounts.errors import KeyExpired
from accounts.keys.key import OpenKey
from accounts.keys.keys import Keys
from router.access_tokens import TOKEN_TTL_S, AccessTokens
from router.auth import ADMIN, NEVER, Authenticator, Principal, address_of
from router.bodies import NO_STORE, body_of
from router.credentials import masked
from router.errors import Refused
from router.failures import Failures
from router.locality import is_local_caller

ANONYMOUS = "user"
GRANT = "client_credentials"
MOST_BODY_BYTES = 16_384
MOST_FAILURES_A_MINUTE = 10  # of one address that are told apart from too many


class TokenAnswer(Struct, frozen=True):
    """A token and its life in seconds."""

    access_token: str
    token_type: str
    expires_in: int


class VerifiedUser(Struct, frozen=True):
    """Whose token it is, what kind, and until when (seconds of the epoch); null for a key without an end."""

    sub: str
    type: str
    exp: int | None


class Verification(Struct, frozen=True):
    """A token that holds."""

    valid: bool
    user: VerifiedUser


class Grant(Struct, frozen=True):
    """What a body may ask with (RFC 6749, 4.4); other fields are for other servers."""

    grant_type: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


@post("/auth/token", status_code=200, opt={"public": True}, tags=["auth"], cache_control=NO_STORE)
async def issue_token(request: Request[Any, Any, Any]) -> TokenAnswer:
    """Exchange a key for a token that ends with it; in development, hand one to any program on this machine."""
    state = request.app.state
    tokens: AccessTokens = state.tokens
    grant = await _grant(request)
    presented = _presented(request, grant)
    if presented is None:
        anonymous: bool = state.anonymous_tokens
        if anonymous and is_local_caller(request.scope["client"], request.scope["headers"]):
            return TokenAnswer(tokens.issue(ANONYMOUS), "bearer", TOKEN_TTL_S)
        raise Refused("unauthorized")
    client_id, secret = presented
    keys: Keys = state.api_keys
    authenticator: Authenticator = state.authenticator
    address = address_of(request.scope["client"])
    authenticator.failures.check(address)
    opened = await _opened(keys, secret)
    if opened is None or opened.key.kind == ADMIN or client_id not in {None, opened.key.id}:
        authenticator.failures.note(address)
        failures: Failures = state.failures
        failures.check(address)
        failures.note(address)
        raise Refused("unauthorized", masked(secret))
    return _token_of(tokens, opened)


async def _opened(keys: Keys, secret: str) -> OpenKey | None:
    try:
        return await keys.open(secret)
    except KeyExpired:
        return None


def _token_of(tokens: AccessTokens, opened: OpenKey) -> TokenAnswer:
    now = int(time.time())
    ends_at = now + TOKEN_TTL_S
    if opened.expires_at is not None:
        ends_at = min(ends_at, int(opened.expires_at.timestamp()))
    token = tokens.issue_for_key(opened.key.id, opened.key.project_id, opened.mark, ends_at)
    return TokenAnswer(token, "bearer", ends_at - now)


async def _grant(request: Request[Any, Any, Any]) -> Grant:
    """Read the body, if there is one: JSON, or a form as RFC 6749 has it."""
    body = await body_of(request, MOST_BODY_BYTES)
    if not body.strip():
        return Grant()
    try:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            grant = msgspec.convert(dict(parse_qsl(body.decode(), max_num_fields=20)), Grant)
        else:
            grant = msgspec.json.decode(body, type=Grant)
    except (msgspec.DecodeError, ValueError, RecursionError) as cause:
        raise Refused("invalid_request", "le corps n'est ni du JSON valide ni un formulaire", param="body") from cause
    if grant.grant_type not in {None, GRANT}:
        raise Refused("invalid_request", f"« grant_type » doit être {GRANT}", param="grant_type")
    return grant


def _presented(request: Request[Any, Any, Any], grant: Grant) -> tuple[str | None, str] | None:
    """Return the client's id, if it gave one, and its key; None when no key is presented."""
    authorization = request.headers.get("authorization", "")
    scheme, _, value = authorization.partition(" ")
    value, key = value.strip(), request.headers.get("x-api-key", "").strip()
    if authorization and key not in {"", value}:
        raise Refused("unauthorized", masked(key))
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError) as cause:
            raise Refused("unauthorized") from cause
        return client_id, secret
    key = value if scheme.lower() == "bearer" else key
    # A client that renews its token may send the one it has: that is no key.
    if key and "." not in key:
        return None, key
    if grant.client_id is not None or grant.client_secret is not None:
        return grant.client_id, grant.client_secret or ""
    return None


@get("/auth/verify", tags=["auth"])
async def verify_token(request: Request[Principal, Any, Any]) -> Verification:
    """Say whose token was sent, and until when it holds."""
    caller = request.user
    expires_at = None if caller.expires_at == NEVER else caller.expires_at
    return Verification(valid=True, user=VerifiedUser(caller.subject, caller.kind, expires_at))
