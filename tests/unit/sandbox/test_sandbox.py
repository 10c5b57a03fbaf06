"""Jobs of strangers run side by side in a sandbox: each ends by itself or by its limits, and none reaches another."""

import asyncio
import os
import signal
import tempfile
from contextlib import ExitStack

import pytest

from sandbox.limits import MIB, Limits
from sandbox.sandbox import Sandbox, SandboxDown
from tests.audio.hearer import children, running, wait_until

LIMITS = Limits(memory_bytes=128 * MIB, cpu_seconds=1, wall_seconds=30.0, result_bytes=4 * MIB)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def box():
    box = Sandbox("tests.unit.sandbox.job", "30", places=3)
    yield box
    await box.aclose()


async def ask(box, job, limits=LIMITS):
    """Return how a job ended and what it wrote."""
    with ExitStack() as files:
        source, result = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        source.write(b" what was sent")
        source.flush()
        source.seek(0)
        end = await box.run(job, source, result, limits)
        result.seek(0)
        return end, result.read()


async def begun(box, count):
    """Return the forks once there are so many."""
    assert await asyncio.to_thread(wait_until, lambda: box.pid and len(children(box.pid)) == count)
    return children(box.pid)


@pytest.mark.anyio
async def test_a_job_reads_one_file_and_writes_another(box):
    assert await ask(box, b"copy") == ("done", b"copy what was sent")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("job", "limits", "end"),
    [
        (b"spin", LIMITS, "time"),
        (b"wait", Limits(128 * MIB, 1, 0.2, MIB), "time"),
        (b"swell", LIMITS, "memory"),
        (b"fill", LIMITS, "size"),
        (b"unknown", LIMITS, "broken"),
    ],
)
async def test_a_job_that_passes_a_limit_ends_so_and_the_one_beside_it_goes_on(box, job, limits, end):
    beside = asyncio.create_task(ask(box, b"wait"))
    (other,) = await begun(box, 1)

    assert (await ask(box, job, limits))[0] == end
    assert not beside.done()
    assert children(box.pid) == [other]
    beside.cancel()


@pytest.mark.anyio
async def test_a_short_job_does_not_wait_for_a_long_one(box):
    long = [asyncio.create_task(ask(box, b"wait")) for _ in range(2)]
    await begun(box, 2)

    assert (await ask(box, b"copy"))[0] == "done"
    for task in long:
        task.cancel()


@pytest.mark.anyio
async def test_no_more_jobs_run_than_there_are_places(box):
    tasks = [asyncio.create_task(ask(box, b"wait")) for _ in range(4)]
    forks = await begun(box, 3)
    tasks[0].cancel()

    assert await asyncio.to_thread(wait_until, lambda: len({*forks, *children(box.pid)}) == 4)
    for task in tasks:
        task.cancel()


@pytest.mark.anyio
async def test_cancelling_ends_one_job_and_no_other(box):
    tasks = [asyncio.create_task(ask(box, b"wait"))]
    (first,) = await begun(box, 1)
    tasks.append(asyncio.create_task(ask(box, b"wait")))
    await begun(box, 2)
    tasks[0].cancel()

    assert await asyncio.to_thread(wait_until, lambda: not running(first))
    assert not tasks[1].done()
    tasks[1].cancel()


@pytest.mark.anyio
async def test_a_job_holds_nothing_of_the_jobs_beside_it(box):
    end, alone = await ask(box, b"open")
    tasks = [asyncio.create_task(ask(box, b"wait")) for _ in range(2)]
    await begun(box, 2)

    beside = (await ask(box, b"open"))[1]
    assert (end, len(beside)) == ("done", len(alone))
    for task in tasks:
        task.cancel()


@pytest.mark.anyio
async def test_jobs_are_done_anew_from_the_beginning_when_the_process_was_killed(box):
    tasks = [asyncio.create_task(ask(box, b"wait", Limits(128 * MIB, 9, 1.0, MIB))) for _ in range(2)]
    forks, killed = await begun(box, 2), box.pid
    os.kill(killed, signal.SIGKILL)

    assert await asyncio.gather(*tasks) == [("time", b"wait")] * 2
    assert box.pid != killed
    assert not any(running(fork) for fork in forks)


@pytest.mark.anyio
async def test_a_process_that_was_started_before_is_the_one_that_works(box):
    box.start()
    started = box.pid
    box.start()

    assert (await ask(box, b"copy"))[0] == "done"
    assert box.pid == started


@pytest.mark.anyio
async def test_starting_replaces_a_process_that_has_ended():
    box = Sandbox("tests.unit.sandbox.job", "0.01")
    await ask(box, b"copy")
    ended = box.pid
    assert await asyncio.to_thread(wait_until, lambda: not running(ended))
    box.start()

    assert box.pid != ended
    await box.aclose()


@pytest.mark.anyio
async def test_a_closed_sandbox_ends_its_jobs_and_starts_nothing(box):
    task = asyncio.create_task(ask(box, b"wait"))
    (fork,) = await begun(box, 1)
    await box.aclose()

    with pytest.raises(SandboxDown):
        await task
    assert await asyncio.to_thread(wait_until, lambda: not running(fork))


@pytest.mark.anyio
async def test_a_module_that_cannot_be_started_is_no_fault_of_the_job(capfd):
    with pytest.raises(SandboxDown, match="ends at once"):
        await ask(Sandbox("tests.unit.sandbox.nowhere"), b"copy")
    assert "No module named" in capfd.readouterr().err
