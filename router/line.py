"""What the edge offers a route beyond ASGI: to hear of a client that leaves, and to write a chunk at once."""

from collections.abc import Callable
from typing import Protocol

from metering.middleware import Scope

LINE = "router.line"  # the name of the ASGI extension


class Line(Protocol):
    """The connection of one request."""

    def watch(self, departure: Callable[[], None] | None) -> None:
        """Call `departure` if the client leaves; None ends that."""
        ...

    def write_chunk(self, block: bytes) -> bool:
        """Write a chunk of the response that has started; return whether the reader keeps up."""
        ...

    async def drained(self) -> None:
        """Wait until the reader has caught up, or is gone."""
        ...


def line_of(scope: Scope) -> Line | None:
    """Return the line of a request, None from a server that has none to offer."""
    return scope.get("extensions", {}).get(LINE)
