"""The parsing process: loads the parsers once, then forks for every document, until its input closes or it idles."""

import gc
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from documents.cut import Count
from documents.parsing import confine, reading
from documents.parsing.wire import REQUEST_BYTES, End, Outcome, Request
from metering.tokens import counter

NICENESS = 10

_CODES: dict[int, End] = {reading.DONE: "done", reading.MEMORY: "memory", reading.SIZE: "size", reading.DISK: "disk"}
# What the kernel kills for: processor time, the machine's memory (our own kill is told apart before), a file too long.
_SIGNALS: dict[int, End] = {signal.SIGXCPU: "time", signal.SIGKILL: "memory", signal.SIGXFSZ: "size"}


class Asked(Struct, frozen=True):
    """A document to read, where to write its passages, and who waits for the outcome."""

    request: Request
    source: BinaryIO
    result: BinaryIO
    waiting: socket.socket


def main() -> None:
    """Serve; the arguments are the folder of vocabularies, and after how many idle seconds to end."""
    os.nice(NICENESS)
    reading.preload()
    count = counter("o200k_base", Path(sys.argv[1]))
    confine.leave_network()
    # What is loaded now is shared with every fork: collecting garbage there must not copy it.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as control:
        control.settimeout(float(sys.argv[2]))
        while asked := _next(control):
            with asked.source, asked.result, asked.waiting:
                _serve(asked, control, count)


def _next(control: socket.socket) -> Asked | None:
    try:
        message, files, _, _ = socket.recv_fds(control, REQUEST_BYTES, 3)
    except TimeoutError:
        return None
    if not message:
        return None
    source, result, waiting = files
    request = msgspec.json.decode(message, type=Request)
    return Asked(request, os.fdopen(source, "rb"), os.fdopen(result, "r+b"), socket.socket(fileno=waiting))


def _serve(asked: Asked, control: socket.socket, count: Count) -> None:
    """Read one document in a fork, and tell how it ended; one that nobody waits for any more is given up."""
    alive, held = os.pipe()
    serving = os.getpid()
    fork = os.fork()
    if fork == 0:
        code = reading.BROKEN
        try:
            control.close()
            asked.waiting.close()
            confine.confine(asked.request.limits, serving)
            code = reading.read(asked.request, asked.source, asked.result, count)
        finally:
            os._exit(code)
    os.close(held)
    ended = _hang_ups([alive, control.fileno(), asked.waiting.fileno()], asked.request.limits.wall_seconds)
    os.close(alive)
    if alive not in ended:
        os.kill(fork, signal.SIGKILL)
    _, status = os.waitpid(fork, 0)
    if alive in ended or not ended:
        with suppress(OSError):  # nobody waits any more
            asked.waiting.send(msgspec.json.encode(Outcome(_end(status) if ended else "time")))


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


if __name__ == "__main__":
    main()
