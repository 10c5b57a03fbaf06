"""Work that holds a processor for long, done beside the loop, one piece at a time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Whoever waits here holds no thread: others, whose work waits for disks, share them.
_one = asyncio.Semaphore(1)


async def aside(work: Callable[[], T]) -> T:
    """Return what `work` does in a thread, so that the loop goes on with everybody else's requests."""
    async with _one:
        return await asyncio.to_thread(work)
