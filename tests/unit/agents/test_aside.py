"""Long work is done beside the loop, one piece after the other."""

import asyncio
import threading

import pytest

from agents.aside import aside


@pytest.mark.anyio
async def test_pieces_that_come_together_never_run_side_by_side() -> None:
    door = threading.Barrier(2)

    def meets_another() -> bool:
        try:
            door.wait(0.05)
        except threading.BrokenBarrierError:
            return False
        return True

    assert await asyncio.gather(aside(meets_another), aside(meets_another)) == [False, False]


@pytest.mark.anyio
async def test_what_work_raises_is_raised_where_it_is_wanted() -> None:
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)
