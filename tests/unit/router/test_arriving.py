"""A body may come slowly, but not for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

from router.arriving import Pace, arriving
from router.decoding import ClientGone
from router.errors import Refused

HURRY = Pace(idle_s=0.2, bytes_per_s=1_000)


def sender(steps: Iterable[tuple[float, bytes]]) -> Callable[[], Awaitable[dict[str, object]]]:
    """Return an ASGI channel on which bytes come, each after so many seconds, and never an end."""
    waiting = iter(steps)

    async def receive() -> dict[str, object]:
        seconds, body = next(waiting)
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": body, "more_body": True}

    return receive


async def taken(receive: Callable[[], Awaitable[dict[str, object]]], headers: dict[bytes, bytes] | None = None) -> int:
    size = 0
    async for chunk in arriving(receive, (headers or {}).items(), 5_000, HURRY):
        size += len(chunk)
    return size


def test_body_that_trickles_is_refused_though_it_never_pauses() -> None:
    with pytest.raises(Refused, match="request_timeout"):
        asyncio.run(taken(sender((0.05, b"x") for _ in range(100))))


def test_body_that_pauses_is_refused_however_much_has_come() -> None:
    with pytest.raises(Refused, match="request_timeout"):
        asyncio.run(taken(sender([(0, b"x" * 4_000), (60, b"")])))


def test_slow_body_is_taken_as_long_as_it_is_fast_enough() -> None:
    steps = [(0.05, b"x" * 100) for _ in range(20)]

    async def receive() -> dict[str, object]:
        seconds, body = steps.pop()
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": body, "more_body": bool(steps)}

    assert asyncio.run(taken(receive)) == 2_000


def test_time_that_the_taker_takes_does_not_count() -> None:
    steps = [b"x"] * 4

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": steps.pop(), "more_body": bool(steps)}

    async def take() -> None:
        async for _ in arriving(receive, (), 5_000, HURRY):
            await asyncio.sleep(0.1)

    asyncio.run(take())

    assert steps == []


def test_body_over_the_limit_is_refused_when_it_gets_there_and_before_if_it_says_so() -> None:
    with pytest.raises(Refused, match="body_too_large"):
        asyncio.run(taken(sender([(0, b"x" * 4_000), (0, b"x" * 4_000)])))
    with pytest.raises(Refused, match="body_too_large"):
        asyncio.run(taken(sender([]), {b"content-length": b"5001"}))


def test_client_that_leaves_is_told_apart() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        asyncio.run(taken(receive))
