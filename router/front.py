"""The front: metered routes are served by themselves, every other one by the framework."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Litestar

from metering.middleware import Metered, Receive, Scope, Send
from router.prompt_paths import keep_slashes

COMPONENT = re.compile(r"\{\w+\}")
Socket = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """The ASGI application of a process.

    What the framework does around a route costs the hot one more than it gives: five frames that every event of every
    stream goes through. Only what carries a meter can be mounted beside it.
    """

    def __init__(self, application: Litestar) -> None:
        self.application = application
        self._metered: dict[str, Metered] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Metered]] = []
        self._posts: dict[str, Metered] = {}
        self._sockets: dict[str, Socket] = {}

    def mount(self, path: str, metered: Metered) -> None:
        """Serve `path` by itself from now on."""
        self._metered[path] = metered

    def mount_pattern(self, pattern: str, metered: Metered) -> None:
        """Serve every path of a pattern by itself from now on; its parts in braces stand for one component each.

        Such paths are looked for after those of `mount`.
        """
        head = pattern.partition("{")[0]
        self._patterns.append((head, re.compile(COMPONENT.sub("[^/]+", pattern)), metered))

    def mount_post(self, path: str, metered: Metered) -> None:
        """Serve POSTs of `path` by itself from now on; its other methods are those of a route with a part in braces."""
        self._posts[path] = metered

    def mount_socket(self, path: str, socket: Socket) -> None:
        """Serve the WebSockets of `path` from now on; those of any other path are refused."""
        self._sockets[path] = socket

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return the answer to be: no frame of this function stays on the way of a request."""
        metered = self._metered.get(scope.get("path", ""))
        if metered is not None and scope["type"] == "http":
            return metered(scope, receive, send)
        if scope["type"] == "websocket":
            return self._sockets.get(scope["path"], _refuse_socket)(scope, receive, send)
        if scope["type"] == "http":
            keep_slashes(scope)
            metered = self._matching(scope.get("method", ""), scope["path"])
            if metered is not None:
                return metered(scope, receive, send)
        framework: Any = self.application
        return framework(scope, receive, send)

    def _matching(self, method: str, path: str) -> Metered | None:
        if method == "POST" and path in self._posts:
            return self._posts[path]
        for head, pattern, metered in self._patterns:
            if path.startswith(head) and pattern.fullmatch(path):
                return metered
        return None


async def _refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Close a WebSocket that nobody serves before it opens, which a server answers with 403."""
    del scope
    await receive()
    await send({"type": "websocket.close", "code": 1000})
