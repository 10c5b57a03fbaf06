"""A serving process: loads what its jobs need once, then forks for each, until its input closes or it idles."""

import errno
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import msgspec
from msgspec import Struct

from sandbox import confine
from sandbox.wire import MESSAGE_BYTES, Asked, End, Outcome

# What it is to do, the file that it is about, and where to write what comes of it.
Job = Callable[[bytes, BinaryIO, BinaryIO], None]

DONE, BROKEN, MEMORY, SIZE, DISK = 0, 1, 3, 4, 5

_ERRORS = {errno.EFBIG: SIZE, errno.ENOSPC: DISK, errno.EDQUOT: DISK, errno.ENOMEM: MEMORY}
_CODES: dict[int, End] = {DONE: "done", MEMORY: "memory", SIZE: "size", DISK: "disk"}
# What the kernel kills for: processor time, the machine's memory (our own kill is told apart before), a file too long.
_SIGNALS: dict[int, End] = {signal.SIGXCPU: "time", signal.SIGKILL: "memory", signal.SIGXFSZ: "size"}


class Taken(Struct, frozen=True):
    """A job, its files, and who waits for the outcome."""

    asked: Asked
    source: BinaryIO
    result: BinaryIO
    waiting: socket.socket


class Running(Struct, frozen=True):
    """A fork that does a job: `alive` hangs up when it ends, `waiting` when nobody waits for it any more."""

    fork: int
    alive: int
    waiting: socket.socket
    until: float


def serve(job: Job, idle_seconds: float) -> None:
    """Serve until standard input, a socket, closes, or nothing was asked for so long.

    Args:
        job: Runs in a fork, where all that is loaded now is there, and nothing else is.
        idle_seconds: After which the process ends.

    """
    confine.leave_network()
    # What is loaded now is shared with every fork: collecting garbage there must not copy it.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as control:
        serving = Serving(job, control)
        while serving.goes_on(idle_seconds):
            pass
        serving.give_up()


class Serving:
    """The forks of a serving process, and the socket that it is asked on."""

    def __init__(self, job: Job, control: socket.socket) -> None:
        self._job = job
        self._control = control
        self._running: list[Running] = []

    def goes_on(self, idle_seconds: float) -> bool:
        """Wait for something to happen and do what follows; tell whether there is more to wait for."""
        now = time.monotonic()
        until = min((running.until for running in self._running), default=now + idle_seconds)
        files = {file for running in self._running for file in (running.alive, running.waiting.fileno())}
        happened = _happened(self._control.fileno(), files, until - now)
        if not happened and not self._running:
            return False
        for running in tuple(self._running):
            if happened & {running.alive, running.waiting.fileno()} or running.until <= time.monotonic():
                self._settle(running, happened)
        if self._control.fileno() not in happened:
            return True
        taken = _next(self._control)
        if taken is not None:
            self._begin(taken)
        return taken is not None

    def give_up(self) -> None:
        """End all that runs."""
        for running in tuple(self._running):
            self._settle(running, {running.waiting.fileno()})

    def _begin(self, taken: Taken) -> None:
        alive, held = os.pipe()
        serving = os.getpid()
        fork = os.fork()
        if fork == 0:
            code = BROKEN
            try:
                # What other jobs hold is no business of this one.
                for other in (self._control, taken.waiting, *(running.waiting for running in self._running)):
                    other.close()
                for file in (alive, *(running.alive for running in self._running)):
                    os.close(file)
                confine.confine(taken.asked.limits, serving)
                code = _do(self._job, taken)
            finally:
                os._exit(code)
        os.close(held)
        taken.source.close()
        taken.result.close()
        self._running.append(Running(fork, alive, taken.waiting, time.monotonic() + taken.asked.limits.wall_seconds))

    def _settle(self, running: Running, happened: set[int]) -> None:
        """End a job that took too long or that nobody waits for, and tell how it ended to who does."""
        self._running.remove(running)
        ended, given_up = running.alive in happened, running.waiting.fileno() in happened
        if not ended:
            os.kill(running.fork, signal.SIGKILL)
        _, status = os.waitpid(running.fork, 0)
        os.close(running.alive)
        with running.waiting as waiting, suppress(OSError):  # nobody waits any more
            if ended or not given_up:
                waiting.send(msgspec.msgpack.encode(Outcome(_end(status) if ended else "time")))


def _next(control: socket.socket) -> Taken | None:
    """Take the job that was asked for; None when there will be no more."""
    message, files, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 3)
    if not message:
        return None
    source, result, waiting = files
    asked = msgspec.msgpack.decode(message, type=Asked)
    return Taken(asked, os.fdopen(source, "rb"), os.fdopen(result, "r+b"), socket.socket(fileno=waiting))


def _do(job: Job, taken: Taken) -> int:
    """Do the job; return the code to exit with."""
    try:
        # The process that was asked before this one may have died over it.
        taken.result.seek(0)
        taken.result.truncate()
        job(taken.asked.job, taken.source, taken.result)
        taken.result.flush()
    except MemoryError:
        return MEMORY
    except OSError as cause:
        return _ERRORS.get(cause.errno or 0, BROKEN)
    except Exception:  # noqa: BLE001 - the last boundary: what was misled may raise anything
        return BROKEN
    return DONE


def _happened(control: int, files: set[int], seconds: float) -> set[int]:
    """Wait until something is asked, or the other side of one of `files` is closed; none when time is up."""
    watched = select.poll()
    watched.register(control, select.POLLIN)
    for file in files:
        watched.register(file, 0)  # hang-ups are told without being asked for
    return {file for file, _ in watched.poll(max(0.0, seconds) * 1000)}


def _end(status: int) -> End:
    if os.WIFSIGNALED(status):
        return _SIGNALS.get(os.WTERMSIG(status), "broken")
    return _CODES.get(os.WEXITSTATUS(status), "broken")
