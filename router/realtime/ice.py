"""The STUN and TURN servers of a setting: whom a peer connection asks how it is reached."""

import re

# RFC 7064 and 7065, with the credentials of a TURN server before its host, where addresses have theirs.
ADDRESS = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@\s]+):(?P<password>[^@\s]+)@)?"
    r"(?P<host>\[[0-9A-Fa-f:]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?(?P<query>\?transport=(?:udp|tcp))?"
)
MOST_PORT = 65_535
Server = tuple[str, str | None, str | None]  # its URL, and the user and password of a TURN server


class IceServerWrong(ValueError):
    """Not a STUN or TURN server; its text is that one, without its credentials."""


def listed(setting: str) -> list[Server]:
    """Return the servers that a setting lists, parted by commas.

    Raises:
        IceServerWrong: One of them is none.

    """
    return [_server(each.strip()) for each in setting.split(",") if each.strip()]


def ice_fault(setting: str) -> str | None:
    """Return what in a list of servers is none, and the mend; None when all are."""
    try:
        listed(setting)
    except IceServerWrong as wrong:
        return (
            f"{wrong} is no ICE server; write each as stun:host:3478 or turn:user:password@host:3478, parted by commas"
        )
    return None


def _server(address: str) -> Server:
    found = ADDRESS.fullmatch(address)
    if found is None or int(found["port"] or 1) not in range(1, MOST_PORT + 1):
        raise IceServerWrong(address.rpartition("@")[2])
    is_turn = found["scheme"].startswith("turn")
    if is_turn != (found["user"] is not None) or (found["query"] and not is_turn):
        raise IceServerWrong(address.rpartition("@")[2])
    port = "" if found["port"] is None else f":{found['port']}"
    return (f"{found['scheme']}:{found['host']}{port}{found['query'] or ''}", found["user"], found["password"])
