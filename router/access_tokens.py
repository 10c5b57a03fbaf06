"""Access tokens: made, and verified by their signature and claims alone (2.1)."""

import hashlib
import time
from typing import Any

import jwt
from msgspec import Struct

ALGORITHM = "HS256"
TOKEN_TTL_S = 3600
CLOCK_LEEWAY_S = 30  # for `nbf` and `iat` alone; `exp` has none
HEADER_FIELDS = frozenset({"alg", "typ", "kid"})
LONGEST_LIFE_S = 366 * 24 * 3600


class TokenWrong(Exception):
    """The token is not one of ours, or says what none of ours says."""


class Claims(Struct, frozen=True):
    """What a token says; `expires_at` in seconds of the epoch. `key` is the key it was made from: id and value mark."""

    subject: str
    kind: str
    expires_at: int
    key: tuple[str, str] | None = None


class AccessTokens:
    """Makes and verifies HS256 tokens; secrets rotate by `kid`.

    Args:
        secret: Signs new tokens and verifies those without `kid`.
        rotated: Further secrets that still verify, by the `kid` their tokens carry.

    """

    def __init__(self, secret: str, rotated: dict[str, str]) -> None:
        self._secret = secret
        self._kid = _fingerprint(secret)
        self._secrets = {_fingerprint(old): old for old in rotated.values()} | rotated | {self._kid: secret}

    def issue(self, subject: str, ttl_s: int = TOKEN_TTL_S) -> str:
        """Return a new access token for `subject`, valid for `ttl_s` seconds."""
        return self._sign(subject, int(time.time()) + ttl_s, {})

    def issue_for_key(self, key_id: str, project_id: str, mark: str, expires_at: int) -> str:
        """Return a new access token that holds until `expires_at`, or until its key stops opening."""
        return self._sign(key_id, expires_at, {"project_id": project_id, "key_id": key_id, "key_mark": mark})

    def _sign(self, subject: str, expires_at: int, more: dict[str, str]) -> str:
        claims: dict[str, Any] = {"sub": subject, "type": "access", "exp": expires_at, "iat": int(time.time()), **more}
        # A key may be of a library that is not installed, so the type is unknown.
        return jwt.encode(claims, self._secret, ALGORITHM, headers={"kid": self._kid})  # pyright: ignore[reportUnknownMemberType]

    def read(self, token: bytes) -> Claims:
        """Return what a token says.

        Raises:
            TokenWrong: Whatever is wrong.

        """
        try:
            header = jwt.get_unverified_header(token)
            secret = self._secrets[header["kid"]] if "kid" in header else self._secret
            if not header.keys() <= HEADER_FIELDS:
                raise TokenWrong
            claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType] - as above
                token,
                secret,
                algorithms=[ALGORITHM],
                leeway=CLOCK_LEEWAY_S,
                options={"require": ["exp", "sub", "type"]},
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as cause:
            raise TokenWrong from cause
        return _claims(claims)


def _claims(claims: dict[str, Any]) -> Claims:
    subject, kind, expires_at = claims["sub"], claims["type"], claims["exp"]
    # A token that names an issuer was made elsewhere; one that names an audience is refused before.
    if not isinstance(subject, str) or not subject or kind != "access" or "iss" in claims:
        raise TokenWrong
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        raise TokenWrong
    if not time.time() < expires_at <= time.time() + LONGEST_LIFE_S:
        raise TokenWrong
    return Claims(subject, kind, int(expires_at), _key_of(claims))


def _key_of(claims: dict[str, Any]) -> tuple[str, str] | None:
    if "key_id" not in claims:
        return None
    key_id, mark = claims["key_id"], claims.get("key_mark")
    if not isinstance(key_id, str) or not isinstance(mark, str):
        raise TokenWrong
    return key_id, mark


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:12]
