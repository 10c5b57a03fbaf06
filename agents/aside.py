"""Work that holds a processor for long, done beside the loop, one piece at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# Pieces side by side would leave the loop a fraction of the interpreter; and others, whose work waits for disks, share
# the usual threads.
_one = ThreadPoolExecutor(1, "aside")


async def aside(work: Callable[[], T]) -> T:
    """Return what `work` does in a thread, so that the loop goes on with everybody else's requests."""
    return await asyncio.get_running_loop().run_in_executor(_one, work)
