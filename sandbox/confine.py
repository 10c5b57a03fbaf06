"""What the processes that work on hostile files give up: the network, privileges, and most of the machine."""

import ctypes
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sandbox.limits import Limits
from sandbox.seal import seal

OPEN_FILES = 32

# linux/prctl.h and linux/sched.h
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

_libc = ctypes.CDLL(None)


def leave_network() -> None:
    """Move this process, and all that it forks, to where no network and no privilege is, if the kernel lets it."""
    unshare: Callable[[int], int] | None = getattr(_libc, "unshare", None)
    if unshare and unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        unshare(_CLONE_NEWNET)


def confine(limits: Limits, parent: int) -> None:
    """Bound what this process may take, silence it, and tie its life to that of `parent`."""
    prctl: Callable[[int, int], int] | None = getattr(_libc, "prctl", None)
    if prctl:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for asked in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(asked, signal.SIG_IGN)  # a machine that shuts down is no fault of the file: the parent ends it
    with suppress(OSError):  # the first to go when the machine runs out of memory
        Path("/proc/self/oom_score_adj").write_text("1000")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    bounds = {
        resource.RLIMIT_AS: _mapped() + limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.result_bytes,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in bounds.items():
        resource.setrlimit(kind, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    seal()


def _mapped() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
