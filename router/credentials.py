"""The one credential of a request, and what may be repeated of it."""

from base64 import b64decode
from binascii import Error as NotBase64
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
    """The refusal of a key that has expired: as any other, but where the seed has a status of its own for it."""


def without_basic(headers: Headers) -> Headers:
    """Return headers whose Basic credential is a Bearer one: its password, for that is the secret of a pair of keys.

    Langfuse's clients send such pairs. Their public key says nothing here, but a pair it must be.

    Raises:
        Refused: `unauthorized`: what is said to be a pair is none.

    """
    return [(name, _bearer_of(value) if name == b"authorization" else value) for name, value in headers]


def _bearer_of(value: bytes) -> bytes:
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return value
    try:
        public, _, secret = b64decode(encoded.strip(), validate=True).partition(b":")
    except NotBase64 as cause:
        raise Refused("unauthorized") from cause
    if not public or not secret:
        raise Refused("unauthorized")
    return b"Bearer " + secret


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
