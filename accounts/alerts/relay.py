"""The mail server that takes our mails, read from a URL, and whom they are from."""

import re
from email.headerregistry import Address
from typing import Literal
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from accounts.errors import RelayWrong

Security = Literal["none", "starttls", "tls"]

SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
_MEND = "write it as smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host:465"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

_SENDER = re.compile(r"(?P<name>[^<>@]*)<(?P<named>[^<>]*)>|(?P<plain>[^<>]*)")


class Relay(Struct, frozen=True):
    """Where mail is handed over, how the way there is kept secret, and who says so."""

    host: str
    port: int
    security: Security
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        """Name the server without its password."""
        return f"Relay({self.host}:{self.port}, {self.security})"


def relay_of(url: str) -> Relay:
    """Return the relay that a URL names; user and password are percent-encoded where they hold `@`, `:`, `/` or `%`.

    Raises:
        RelayWrong: It names none; what is wrong is told without repeating any of it.

    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise RelayWrong(f"has characters that no address has; {_MEND}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as cause:
        raise RelayWrong(f"names no server and port; {_MEND}") from cause
    if parts.scheme not in SCHEMES:
        raise RelayWrong(f"has another scheme; {_MEND}")
    if not parts.hostname or port == 0:
        raise RelayWrong(f"names no server and port; {_MEND}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise RelayWrong(f"goes on behind the port (encode /, ? and # of a password as %2F, %3F and %23); {_MEND}")
    if bool(parts.username) != bool(parts.password):
        raise RelayWrong(f"has a user without a password, or a password without a user; {_MEND}")
    security, usual = SCHEMES[parts.scheme]
    user, password = (unquote(each) if each else None for each in (parts.username, parts.password))
    return Relay(parts.hostname, port or usual, security, user, password)


def sender_of(text: str) -> Address:
    """Return whom mails are from: `alerts@example.org` or `Name <alerts@example.org>`.

    Raises:
        RelayWrong: It is no address.

    """
    read = _SENDER.fullmatch(text)
    address = "" if read is None else read["named"] or read["plain"] or ""
    if read is None or not text.isprintable() or not is_address(address):
        raise RelayWrong("is no address; write it as alerts@example.org or Routeur IA <alerts@example.org>")
    return Address((read["name"] or "").strip(' "'), addr_spec=address)


def is_address(text: str) -> bool:
    """Say whether mail can be sent to this: plain ASCII, one address, nothing that could end a header."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None and ".." not in text
