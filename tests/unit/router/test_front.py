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


@pytest.mark.parametrize(
    ("method", "path", "served_by"),
    [
        ("POST", "/api/v1/prompts/generate", "metered"),
        ("GET", "/api/v1/prompts/generate", "framework"),
        ("DELETE", "/api/v1/prompts/generate", "framework"),
        ("POST", "/api/v1/prompts/generated", "framework"),
    ],
)
def test_path_that_is_mounted_for_posts_is_the_frameworks_for_every_other_method(
    method: str, path: str, served_by: str
) -> None:
    front = Front(cast("Litestar", lambda *_: "framework"))
    front.mount_post("/api/v1/prompts/generate", cast("Any", lambda *_: "metered"))
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}

    assert front(scope, cast("Any", None), cast("Any", None)) == served_by


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


@pytest.mark.parametrize(
    ("path", "served_by"),
    [
        ("/completion", "exact"),
        ("/api/v1/prompts/a/versions/3/run", "pattern"),
        ("/api/v1/prompts/é b/versions/x/run", "pattern"),
        ("/api/v1/prompts/a\ue000b/versions/3/run", "pattern"),
        ("/api/v1/prompts/a/b/versions/3/run", "framework"),
        ("/api/v1/prompts/a/visions/3/run", "framework"),
        ("/api/v1/prompts//versions/3/run", "framework"),
        ("/api/v1/prompts/a/versions/3/run/", "framework"),
        ("/api/v1/prompts/a/versions/3", "framework"),
        ("/x/api/v1/prompts/a/versions/3/run", "framework"),
    ],
)
def test_a_path_of_a_pattern_is_served_by_what_is_mounted_there(path: str, served_by: str) -> None:
    front = Front(cast("Litestar", lambda *_: "framework"))
    front.mount("/completion", cast("Any", lambda *_: "exact"))
    front.mount_pattern("/api/v1/prompts/{name}/versions/{number}/run", cast("Any", lambda *_: "pattern"))

    assert (
        front({"type": "http", "path": path, "raw_path": path.encode()}, cast("Any", None), cast("Any", None))
        == served_by
    )
