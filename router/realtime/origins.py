"""From which pages a browser may open a session: an exact list, and in development any page of this machine (2.6)."""

from collections.abc import Iterable

from router.errors import Refused
from router.realtime.origin import OriginWrong, host_of, listed

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Origins:
    """Who may come from where.

    Args:
        setting: Origins, parted by commas; None for none.
        development: Whether pages of this machine need not be listed.

    """

    def __init__(self, setting: str | None, *, development: bool) -> None:
        self._listed = listed(setting or "")
        self._development = development

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Let a program in, which sends no origin, and a page that may come; no credential helps one that may not.

        Raises:
            Refused: `forbidden`.

        """
        origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
        if not origins:
            return
        origin = origins[0]
        if len(origins) > 1 or not (origin in self._listed or (self._development and is_of_this_machine(origin))):
            raise Refused("forbidden", "cette origine n'est pas permise ; voir ROUTER_ORIGINS", source="header")


def is_of_this_machine(origin: str) -> bool:
    """Whether a page came from this machine, on whatever port."""
    try:
        return host_of(origin) in LOOPBACK_HOSTS
    except OriginWrong:
        return False
