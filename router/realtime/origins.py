"""From which pages a browser may open a session: an exact list, and in development any page of this machine (2.6)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from router.errors import Refused

DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class OriginWrong(ValueError):
    """Not an origin as browsers send it."""


class Origins:
    """Who may come from where.

    Args:
        listed: The setting: origins, parted by commas; None for none.
        development: Whether pages of this machine need not be listed.

    Raises:
        OriginWrong: Naming the one that is none.

    """

    def __init__(self, listed: str | None, *, development: bool) -> None:
        self._listed = frozenset(_checked(each.strip()) for each in (listed or "").split(",") if each.strip())
        self._development = development

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Let a program in, and a page that may come; no credential helps one that may not.

        Raises:
            Refused: `forbidden`.

        """
        origins = [value for name, value in headers if name == b"origin"]
        if not origins:
            return
        origin = origins[0].decode("latin-1")
        if len(origins) > 1 or not (origin in self._listed or (self._development and is_loopback(origin))):
            raise Refused("forbidden", "cette origine n'est pas permise ; voir ROUTER_ORIGINS", source="header")


def is_loopback(origin: str) -> bool:
    """Whether an origin is a page that this machine serves, from whatever port."""
    try:
        return f"{urlsplit(_checked(origin)).hostname}" in LOOPBACK_HOSTS
    except OriginWrong:
        return False


def _checked(origin: str) -> str:
    """Return the origin, if it is written as browsers write it (RFC 6454, 6.2).

    Raises:
        OriginWrong: It is not.

    """
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError as cause:
        raise OriginWrong(origin) from cause
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    written = f"{parts.scheme}://{shown}" + ("" if port is None else f":{port}")
    if not host or written != origin or not origin.isascii() or port in {0, DEFAULT_PORTS.get(parts.scheme)}:
        raise OriginWrong(origin)
    if parts.scheme not in DEFAULT_PORTS:
        raise OriginWrong(origin)
    return origin
