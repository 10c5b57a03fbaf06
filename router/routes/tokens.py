"""`/auth/token` and `/auth/verify`: getting a token and asking about one (2.1)."""

from typing import Any

from litestar import Request, get, post
from msgspec import Struct

from router.auth import TOKEN_TTL_S, Authenticator, Principal, is_local_caller
from router.errors import Refused

ANONYMOUS = "user"


class TokenAnswer(Struct, frozen=True):
    """A token and its life in seconds."""

    access_token: str
    token_type: str
    expires_in: int


class VerifiedUser(Struct, frozen=True):
    """Whose token it is, what kind, and until when (seconds of the epoch)."""

    sub: str
    type: str
    exp: int


class Verification(Struct, frozen=True):
    """A token that holds."""

    valid: bool
    user: VerifiedUser


@post("/auth/token", status_code=200, opt={"public": True}, tags=["auth"])
async def issue_token(request: Request[Any, Any, Any]) -> TokenAnswer:
    """Hand a token to a program on this machine; in production nobody gets one without a credential."""
    anonymous: bool = request.app.state.anonymous_tokens
    client = request.scope["client"]
    if not anonymous or not is_local_caller(client, request.scope["headers"]):
        raise Refused("unauthorized")
    authenticator: Authenticator = request.app.state.authenticator
    return TokenAnswer(authenticator.issue(ANONYMOUS), "bearer", TOKEN_TTL_S)


@get("/auth/verify", tags=["auth"])
async def verify_token(request: Request[Principal, Any, Any]) -> Verification:
    """Say whose token was sent, and until when it holds."""
    caller = request.user
    return Verification(valid=True, user=VerifiedUser(caller.subject, caller.kind, caller.expires_at))
