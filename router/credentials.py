"""The one credential of a request, and what may be repeated of it."""

from collections.abc import Iterable

from accounts.keys.key import PREFIXES
from router.errors import Refused

LONGEST_CREDENTIAL = 4096  # bytes; ours have under 500
KNOWN_PREFIXES = tuple(sorted(PREFIXES.values(), key=len, reverse=True))
SHOWN_LETTERS = 4

Headers = Iterable[tuple[bytes, bytes]]


def credential_of(headers: Headers) -> bytes:
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
    credential = (bearer if bearer is not None else key or b"").strip()
    # Of two that differ nobody can say which one is meant; some clients send the same one twice.
    if key is not None and key.strip() != credential:
        raise refusal_of(credential)
    if not credential or len(credential) > LONGEST_CREDENTIAL:
        raise Refused("unauthorized")
    return credential


class KeyExpired(Refused):
    """The refusal of a key that has expired: as any other, but where the seed has a status of its own for it (3.1.3)."""


def refusal_of(credential: bytes) -> Refused:
    """Return the one refusal of a credential, whatever is wrong with it."""
    return Refused("unauthorized", masked(credential.decode("latin-1")))


def refusal_of_expired(credential: bytes) -> Refused:
    """Return the refusal of a key that has expired."""
    return KeyExpired("unauthorized", masked(credential.decode("latin-1")))


def expired() -> Refused:
    """Return what the Prompt Manager's routes say of a key that has expired."""
    return Refused("forbidden", "the key has expired; make a new one")


def masked(credential: str) -> str:
    """Return what may be repeated of a credential: enough for its owner to know which one it was."""
    if len(credential) < 4 * SHOWN_LETTERS:
        return "****"
    kept = "".join(each if each.isascii() and each.isalnum() else "*" for each in credential[-SHOWN_LETTERS:])
    prefix = next((each for each in (*KNOWN_PREFIXES, "sk-") if credential.startswith(each)), "")
    return f"{prefix}****{kept}"
