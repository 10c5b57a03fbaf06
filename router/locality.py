"""Whether a request surely comes from a program on this machine (2.1.4)."""

from collections.abc import Iterable
from ipaddress import ip_address

PROXY_HEADERS = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-client-ip",
        b"x-real-ip",
        b"cf-connecting-ip",
        b"true-client-ip",
    }
)
FORWARDED = b"x-forwarded-"  # a family without end: for, host, port, proto, server, ...
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def is_local_caller(peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request surely comes from a program on this machine: no proxy, no page of another site (2.1.4)."""
    seen = _seen_locally(peer, headers)
    if seen is None or seen.get(b"sec-fetch-site", b"none") not in {b"same-origin", b"none"}:
        return False
    origin = seen.get(b"origin")
    host = seen.get(b"host", b"").decode("latin-1").lower()
    return origin is None or origin.decode("latin-1").lower() == f"http://{host}"


def is_local_program(peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request surely comes from this machine, of a program or of a page whose origin was looked at before."""
    return _seen_locally(peer, headers) is not None


def _seen_locally(peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """Return the headers of a request that no proxy handed on to a loopback name; None of any other."""
    if peer is None or not ip_address(peer[0]).is_loopback:
        return None
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in PROXY_HEADERS or name.startswith(FORWARDED) or (name == b"host" and name in seen):
            return None
        seen[name] = value
    host = seen.get(b"host", b"").decode("latin-1").lower()
    return seen if _host_name(host) in LOOPBACK_NAMES else None


def is_loopback_host(host: str) -> bool:
    """Whether only this machine reaches what is bound to a host: a name or an address without brackets."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
