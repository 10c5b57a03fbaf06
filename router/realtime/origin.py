"""Origins as browsers send them, and as the setting lists them (RFC 6454, 6.2)."""

import re
from urllib.parse import urlsplit

HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
DEFAULT_PORTS = {"http": 80, "https": 443}


class OriginWrong(ValueError):
    """Not an origin as browsers send it."""


def host_of(origin: str) -> str:
    """Return the host of an origin that is written as browsers write it.

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
    if not HOST.fullmatch(shown) or written != origin:
        raise OriginWrong(origin)
    if parts.scheme not in DEFAULT_PORTS or port in {0, DEFAULT_PORTS[parts.scheme]}:
        raise OriginWrong(origin)
    return host


def listed(setting: str) -> frozenset[str]:
    """Return the origins that a setting lists, parted by commas.

    Raises:
        OriginWrong: One of them is none.

    """
    origins = frozenset(each.strip() for each in setting.split(",") if each.strip())
    for origin in origins:
        host_of(origin)
    return origins


def origins_fault(setting: str) -> str | None:
    """Return what in a list of origins is none, and the mend; None when all are."""
    try:
        listed(setting)
    except OriginWrong as wrong:
        return f"{wrong} is no origin; write each as https://app.example.org or http://localhost:3000, parted by commas"
    return None
