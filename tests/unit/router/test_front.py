"""The front refuses every WebSocket that nobody mounted, whatever a server lets through to it (C-9)."""

import asyncio
from typing import Any, cast

import pytest
from litestar import Litestar

from router.front import Front


@pytest.mark.parametrize("path", ["/", "/completion", "/realtime/ws/", "/realtime/wss", "/realtime"])
def test_a_socket_that_nobody_serves_is_closed_before_it_opens(path: str) -> None:
    said = asyncio.run(connected(path))

    assert said == [{"type": "websocket.close", "code": 1000}]


async def connected(path: str) -> list[Any]:
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message)

    async def served(*_: Any) -> None:
        said.append("served")

    front = Front(cast("Litestar", served))
    front.mount("/completion", cast("Any", served))
    front.mount_socket("/realtime/ws", served)
    await front({"type": "websocket", "path": path}, receive, send)
    return said
