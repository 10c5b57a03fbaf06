"""A serving process: loads what its jobs need once, then forks for every job, until its input closes or it idles."""

import errno
import gc
import os
import select
import signal
import socket
import sys
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
        control.settimeout(idle_seconds)
        while taken := _next(control):
            with taken.source, taken.result, taken.waiting:
                _serve(taken, control, job)


def _next(control: socket.socket) -> Taken | None:
    try:
        message, files, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 3)
    except TimeoutError:
        return None
    if not message:
        return None
    source, result, waiting = files
    asked = msgspec.msgpack.decode(message, type=Asked)
    return Taken(asked, os.fdopen(source, "rb"), os.fdopen(result, "r+b"), socket.socket(fileno=waiting))


def _serve(taken: Taken, control: socket.socket, job: Job) -> None:
    """Do one job in a fork, and tell how it ended; one that nobody waits for any more is given up."""
    alive, held = os.pipe()
    serving = os.getpid()
    fork = os.fork()
    if fork == 0:
        code = BROKEN
        try:
            control.close()
            taken.waiting.close()
            confine.confine(taken.asked.limits, serving)
            code = _do(job, taken)
        finally:
            os._exit(code)
    os.close(held)
    ended = _hang_ups([alive, control.fileno(), taken.waiting.fileno()], taken.asked.limits.wall_seconds)
    os.close(alive)
    if alive not in ended:
        os.kill(fork, signal.SIGKILL)
    _, status = os.waitpid(fork, 0)
    if alive in ended or not ended:
        with suppress(OSError):  # nobody waits any more
            taken.waiting.send(msgspec.msgpack.encode(Outcome(_end(status) if ended else "time")))


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


def _hang_ups(files: list[int], seconds: float) -> set[int]:
    """Wait until the other side of one of `files` is closed; none when time is up."""
    watched = select.poll()
    for file in files:
        watched.register(file, 0)  # hang-ups are told without being asked for
    return {file for file, _ in watched.poll(seconds * 1000)}


def _end(status: int) -> End:
    if os.WIFSIGNALED(status):
        return _SIGNALS.get(os.WTERMSIG(status), "broken")
    return _CODES.get(os.WEXITSTATUS(status), "broken")
