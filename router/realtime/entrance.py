"""Who opens a session: a credential in one of five places, or a program on this machine in development (2.6.3)."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from metering.middleware import Scope
from router.auth import NEVER, Authenticator, Principal, address_of, refuse_admin
from router.credentials import Headers, credential_of
from router.errors import Refused
from router.locality import is_local_program
from router.routes.tokens import ANONYMOUS

SURFACE = "realtime"
BEARER = "bearer."  # before the token in a subprotocol: the one header that a page can choose
MOST_QUERY_FIELDS = 20


class Caller:
    """Who opened a session, who is asked for again whenever it matters: keys are revoked and tokens expire.

    Args:
        authenticator: Knows.
        headers: The credential, as one that is sent in a header.
        address: Where it came from.

    """

    def __init__(self, authenticator: Authenticator, headers: Headers, address: str) -> None:
        self._authenticator = authenticator
        self._headers = headers
        self._address = address

    async def principal(self) -> Principal:
        """Return who it is.

        Raises:
            Refused: `unauthorized`: nobody any more; `forbidden`: nobody who may open sessions.
            TooManyFailures: Too much was wrong from there lately.
            StorageDown: That cannot be told now.

        """
        principal = await self._authenticator.principal(self._headers, self._address)
        refuse_admin(principal, self._headers)
        lacking = principal.scopes.refusal((), None, SURFACE)
        if lacking is not None:
            raise Refused("forbidden", f"il manque à la clé la permission « {lacking} »")
        return principal


class Anonymous:
    """A program on this machine, in development."""

    async def principal(self) -> Principal:
        """Return whom an anonymous token would name."""
        return Principal(ANONYMOUS, "access", NEVER)


class Entrance:
    """Finds out who wants a session.

    Args:
        authenticator: Knows credentials.
        anonymous: Whether a program on this machine needs none.

    """

    def __init__(self, authenticator: Authenticator, *, anonymous: bool) -> None:
        self._authenticator = authenticator
        self._anonymous = anonymous

    async def caller(self, scope: Scope) -> Caller | Anonymous | None:
        """Return who a handshake is from; None when a credential has to come as its first frame.

        Raises:
            Refused: `unauthorized`, whatever is wrong with its credential; `forbidden`.
            TooManyFailures: Too much was wrong from there lately.
            StorageDown: That cannot be told now.

        """
        address = address_of(scope["client"])
        credential = self._presented(scope, address)
        if credential is not None:
            return await self._known(credential, address)
        if self._anonymous and is_local_program(scope["client"], scope["headers"]):
            return Anonymous()
        self._authenticator.failures.check(address)
        return None

    async def shown(self, token: str, scope: Scope) -> Caller:
        """Return whose token a frame brought.

        Raises:
            Refused, TooManyFailures, StorageDown: As `caller`.

        """
        return await self._known(token.encode("utf-8", "surrogatepass"), address_of(scope["client"]))

    def _presented(self, scope: Scope, address: str) -> bytes | None:
        try:
            return presented(scope)
        except Refused:
            self._authenticator.failures.note(address)
            raise

    async def _known(self, credential: bytes, address: str) -> Caller:
        caller = Caller(self._authenticator, ((b"authorization", b"Bearer " + credential),), address)
        try:
            await caller.principal()
        except Refused:
            self._authenticator.failures.note(address)
            raise
        return caller


def presented(scope: Scope) -> bytes | None:
    """Return the one credential of a handshake, None where it has none.

    Raises:
        Refused: `unauthorized`: there are two that differ, or one that cannot be.

    """
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    found = {token.encode("utf-8", "surrogatepass") for token in _in_address(scope)}
    found |= {named.removeprefix(BEARER).encode() for named in scope["subprotocols"] if named.startswith(BEARER)}
    if any(name in {b"authorization", b"x-api-key"} for name, _ in headers):
        found.add(credential_of(headers))
    if len(found) > 1:
        raise Refused("unauthorized")
    return next(iter(found), None)


def subprotocol_of(scope: Scope) -> str | None:
    """Return the subprotocol to answer with: the one that brought a credential."""
    return next((named for named in scope["subprotocols"] if named.startswith(BEARER)), None)


def _in_address(scope: Scope) -> set[str]:
    try:
        fields = parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=MOST_QUERY_FIELDS)
    except ValueError as cause:
        raise Refused("unauthorized") from cause
    return {value for name, value in fields if name == "token"}
