"""Who is calling: tokens and keys, looked up once and remembered, and the one 401 for every cause (2.1, 6.7)."""

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from accounts.errors import KeyExpired
from accounts.gate.gate import Gate
from accounts.keys.key import OpenKey
from accounts.keys.keys import Keys
from accounts.keys.last_uses import LastUses
from accounts.keys.scopes import EVERYTHING, Scopes
from accounts.projects import DEFAULT_PROJECT
from accounts.revision import Revision
from router.access_tokens import AccessTokens, Claims, TokenWrong
from router.credentials import (
    KNOWN_PREFIXES,
    Headers,
    credential_of,
    refusal_of,
    refusal_of_expired,
    without_basic,
)
from router.errors import Refused
from router.failures import Failures
from router.families import family_of
from router.questions import Questions

MOST_REMEMBERED = 10_000
TOKEN_DOTS = 2
ADMIN = "admin"
VERDICT = "verdict"  # in the state of a request: how its rate limits stand
NEVER = 1 << 53
MOST_FAILURES_A_MINUTE = 60  # of one address, each of which costs a look into the database
UNRESTRICTED = Scopes()

T = TypeVar("T")
Connection = ASGIConnection[Any, Any, Any, Any]
Refusal = Callable[[bytes], Refused]


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
    """Says who carries a credential.

    What was looked up is remembered by the SHA-256 of the credential: a token without a key until it expires, all else
    until anything changes in the accounts, and only while their revision is looked at. An address from which too many
    credentials were wrong has to wait, but with one that opened before.

    Args:
        tokens: Reads tokens.
        keys: Looks keys up.
        revision: Says when what is remembered of keys is to be forgotten.
        uses: Is told which keys are used.
        admin_key: The first admin key, which is a setting; None for none.

    """

    def __init__(
        self, tokens: AccessTokens, keys: Keys, revision: Revision, uses: LastUses, admin_key: str | None
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._revision = revision
        self._used = uses.latest
        self._admin_digest = None if admin_key is None else keys.digest(admin_key)
        self._lasting: dict[bytes, Principal] = {}
        self._keyed: dict[bytes, Principal] = {}
        self._refused: dict[bytes, Refusal] = {}
        self._proven: dict[bytes, bool] = {}
        self.failures = Failures(MOST_FAILURES_A_MINUTE)
        self._changes = 0
        self._lookups: Questions[Principal | Refusal] = Questions()
        self._looks: Questions[None] = Questions()
        revision.on_change(self._forget)

    def known(self, headers: Headers) -> Principal | None:
        """Return who carries these headers if that is remembered; None when it must be looked up.

        Raises:
            Refused: `unauthorized`, whatever is wrong.

        """
        credential = credential_of(headers)
        digest = hashlib.sha256(credential).digest()
        found = self._lasting.get(digest)
        now = time.time()
        if found is None:
            if not self._revision.fresh:
                return None
            found = self._keyed.get(digest)
            if found is None:
                refuse = self._refused.get(digest)
                if refuse is not None:
                    raise refuse(credential)
                return None
            self._used[found.key_id or ""] = now
        if found.expires_at <= now:
            if self._lasting.pop(digest, None) is not None:
                raise refusal_of(credential)
            # Looked at once more: whether the key has expired or only this value of it, which was rotated out.
            self._keyed.pop(digest, None)
            return None
        return found

    async def principal(self, headers: Headers, address: str) -> Principal:
        """Return who carries these headers and calls from this address, looked up if need be.

        Raises:
            Refused: `unauthorized`, whatever is wrong.
            TooManyFailures: Too much was wrong from there lately.
            StorageDown: A key cannot be looked up now, which says nothing about it.

        """
        known = self.known(headers)
        if known is not None:
            return known
        credential = credential_of(headers)
        digest = hashlib.sha256(credential).digest()
        claims = self._without_looking(credential, digest)
        if isinstance(claims, Principal):
            return claims
        if not self._revision.fresh:
            await self._looks.ask(b"", self._revision.look)
            known = self.known(headers)
            if known is not None:
                return known
        if digest not in self._proven:
            self.failures.check(address)
        found = await self._lookups.ask(digest, lambda: self._look_up(credential, digest, claims))
        if not isinstance(found, Principal):
            self._proven.pop(digest, None)
            self.failures.note(address)
            raise found(credential)
        _put(self._proven, digest, value=True)
        self._used[found.key_id or ""] = time.time()
        return found

    def _without_looking(self, credential: bytes, digest: bytes) -> Principal | Claims | None:
        """Return whom the settings know or a token alone names, what a token of a key says, or None for a key."""
        value = credential.decode("utf-8", "surrogateescape")
        if self._admin_digest is not None and hmac.compare_digest(self._keys.digest(value), self._admin_digest):
            return self._remember(digest, Principal(ADMIN, ADMIN, NEVER, "", None, EVERYTHING))
        if credential.count(b".") == TOKEN_DOTS:
            try:
                claims = self._tokens.read(credential)
            except TokenWrong as cause:
                raise refusal_of(credential) from cause
            if claims.key is not None:
                return claims
            return self._remember(digest, Principal(claims.subject, claims.kind, claims.expires_at))
        if not value.startswith(KNOWN_PREFIXES):
            raise refusal_of(credential)
        return None

    def _remember(self, digest: bytes, principal: Principal) -> Principal:
        _put(self._lasting, digest, principal)
        return principal

    async def _look_up(self, credential: bytes, digest: bytes, claims: Claims | None) -> Principal | Refusal:
        changes = self._changes
        try:
            if claims is None or claims.key is None:
                opened = await self._keys.open(credential.decode("utf-8", "surrogateescape"))
            else:
                opened = await self._keys.reopen(*claims.key)
            found = refusal_of if opened is None else _principal_of(opened, claims)
        except KeyExpired:
            found = refusal_of_expired
        # What was read before a change must not be remembered after it.
        if changes == self._changes:
            if isinstance(found, Principal):
                _put(self._keyed, digest, found)
            else:
                _put(self._refused, digest, found)
        return found

    def _forget(self) -> None:
        self._changes += 1
        self._keyed.clear()
        self._refused.clear()
        self._lookups.forget()


def _put(remembered: dict[bytes, T], digest: bytes, value: T) -> None:
    if len(remembered) >= MOST_REMEMBERED:
        remembered.pop(next(iter(remembered)))
    remembered[digest] = value


def _principal_of(opened: OpenKey, claims: Claims | None) -> Principal:
    key = opened.key
    ends_at = NEVER if opened.expires_at is None else int(opened.expires_at.timestamp())
    if claims is None:
        return Principal(key.id, key.kind, ends_at, key.project_id, key.id, key.scopes)
    return Principal(claims.subject, claims.kind, min(ends_at, claims.expires_at), key.project_id, key.id, key.scopes)


def refuse_admin(principal: Principal, headers: Headers) -> None:
    """Refuse an admin key where models are used: it is for administration alone (6.2.2).

    Raises:
        Refused: `unauthorized`, as for a wrong key.

    """
    if principal.kind == ADMIN:
        raise refusal_of(credential_of(headers))


async def require_credential(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard every route that does not say `public`: any credential but an admin key."""
    if handler.opt.get("public"):
        return
    principal = await _identify(connection)
    refuse_admin(principal, connection.scope["headers"])
    await _knock(connection, principal)


async def require_any_credential(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard a route for every caller that is known, administrators too."""
    del handler
    principal = await _identify(connection)
    if principal.kind != ADMIN:
        await _knock(connection, principal)


async def require_any_pair(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard a route for every caller that is known, who may also send a pair of keys (Basic)."""
    del handler
    principal = await _identify(connection, without_basic(connection.scope["headers"]))
    if principal.kind != ADMIN:
        await _knock(connection, principal)


async def require_admin(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard a route for admin keys; who is known but no administrator is told so."""
    del handler
    if (await _identify(connection)).kind != ADMIN:
        say = family_of(connection.scope["path"]).choose
        raise Refused("forbidden", say("il faut une clé d'administration", "this takes an admin key (sk-admin-…)"))


GUARDS = (require_credential, require_any_credential, require_any_pair, require_admin)


def address_of(client: Sequence[Any] | None) -> str:
    """Return the address of a peer, as ASGI names it with its port; empty for a local socket."""
    return client[0] if client else ""


async def _identify(connection: Connection, headers: Headers | None = None) -> Principal:
    authenticator: Authenticator = connection.app.state.authenticator
    scope = connection.scope
    shown = scope["headers"] if headers is None else headers
    principal = scope["user"] = await authenticator.principal(shown, address_of(scope["client"]))
    return principal


async def _knock(connection: Connection, principal: Principal) -> None:
    """Count the request against the limits of whoever calls; its answer tells how they stand."""
    gate: Gate = connection.app.state.gate
    connection.scope["state"][VERDICT] = await gate.knock(principal.project_id, principal.key_id)
