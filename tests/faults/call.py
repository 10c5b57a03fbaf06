"""What a scenario may do with one request to the faulty upstream."""

from collections.abc import Awaitable, Callable
from typing import Protocol


class Visit(Protocol):
    """What is noted of a request."""

    pieces: int


class Call(Protocol):
    """One request, and the ways to answer it."""

    stream: bool
    answered_before: bool
    visit: Visit

    async def send(self, data: bytes) -> None: ...
    async def chunks(self, *parts: bytes) -> None: ...
    async def answer(self, body: bytes, events: list[bytes]) -> None: ...
    async def hang(self) -> None: ...
    def leaving(self) -> bool: ...
    def cut(self) -> None: ...
    def reset(self) -> None: ...


Scenario = Callable[[Call], Awaitable[None]]
