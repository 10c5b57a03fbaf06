"""An error that nobody foresaw: closed 1011, logged by its place, told in no word of its own (2.6b)."""

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from router.realtime.entrance import Anonymous
from router.realtime.limits import Pace, Seats
from router.realtime.origins import Origins
from router.realtime.socket import RealtimeSocket

SECRET = "what the prompt of somebody else said"


def test_an_unforeseen_error_closes_1011_and_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    said, gauge = asyncio.run(served())

    closing = said[-1]
    errors = [json.loads(each["text"]) for each in said if "text" in each]
    assert (closing["type"], closing["code"]) == ("websocket.close", 1011)
    assert errors[-1]["payload"]["code"] == "internal"
    assert SECRET not in str(said)
    assert SECRET not in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert gauge == [1, -1]


async def served() -> tuple[list[Any], list[int]]:
    said: list[Any] = []
    gauge: list[int] = []
    events = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        said.append(message)

    async def caller(_: Any) -> Anonymous:
        return Anonymous()

    def broken(*_: Any) -> Any:
        raise KeyError(SECRET)

    sessions = SimpleNamespace(inc=lambda: gauge.append(1), dec=lambda: gauge.append(-1))
    desk = SimpleNamespace(books=SimpleNamespace(metrics=SimpleNamespace(sessions=sessions)))
    socket = RealtimeSocket(
        entrance=cast("Any", SimpleNamespace(caller=caller)),
        origins=Origins(None, development=True),
        seats=Seats(1),
        desk=cast("Any", desk),
        converse=broken,
        pace=Pace(),
    )
    await socket({"type": "websocket", "headers": [], "client": ("127.0.0.1", 1), "subprotocols": []}, receive, send)
    return said, gauge
