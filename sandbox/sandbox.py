"""The gateway's side of a serving process: starts it at need, asks it, gives up on it, and starts it again."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

import sandbox
from sandbox.limits import Limits
from sandbox.wire import MESSAGE_BYTES, Asked, End, Outcome

# A first job also waits for the process to start: half a second idle, more on a busy machine.
START_SECONDS = 60.0
STOP_SECONDS = 2.0
TRIES = 2

# All the process gets of the environment: where programs and libraries are, and the language. No key, no address.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")


class SandboxDown(Exception):
    """Nothing can be done in the sandbox now, whatever the job."""


class Serving(Struct, frozen=True):
    """One life of the serving process; it ends when `control` is closed, by whomever."""

    process: subprocess.Popen[bytes]
    control: socket.socket


class Sandbox:
    """Has jobs done; the process starts with the first, or before it, and again whenever it has ended."""

    def __init__(self, *command: str, places: int = 1, environment: Mapping[str, str] | None = None) -> None:
        """Set up.

        Args:
            command: The name of the module that calls `serve`, and its arguments.
            places: How many jobs are done at a time.
            environment: What the process gets beside the little that every program needs.

        """
        self._command = (sys.executable, "-m", *command)
        self._environment = dict(environment or {})
        self._places = asyncio.Semaphore(places)
        self._serving: Serving | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the serving process, None while it is not running."""
        return self._serving.process.pid if self._serving else None

    def start(self) -> None:
        """Start the process unless it runs: whoever will soon have a job saves the time.

        Raises:
            SandboxDown: It is closed.
            OSError: It cannot be started.

        """
        if self._serving and self._serving.process.poll() is not None:
            self._serving.control.close()
            self._serving = None
        self._serving = self._serving or self._start()

    async def run(self, job: bytes, source: BinaryIO, result: BinaryIO, limits: Limits) -> End:
        """Have a job done and tell how it ended; cancelling it ends the job.

        Args:
            job: What the module's job understands, under 3 KB.
            source: The file that it reads.
            result: The file that it writes.
            limits: What it may take.

        Raises:
            SandboxDown: The process does not run, or ends at once.
            OSError: There are no descriptors or processes to be had.

        """
        message = msgspec.msgpack.encode(Asked(job, limits))
        async with self._places:
            for _ in range(TRIES):
                if end := await self._ask(message, source, result, limits.wall_seconds):
                    return end
            raise SandboxDown("its process ends at once")

    async def aclose(self) -> None:
        """End the process and what it does."""
        self._closed = True
        if self._serving:
            await self._stop(self._serving)

    async def _ask(self, message: bytes, source: BinaryIO, result: BinaryIO, seconds: float) -> End | None:
        """Have a job done; None when the process ended meanwhile."""
        serving = self._serving = self._serving or self._start()
        ours, theirs = socket.socketpair()
        # The channel closes with this block however it ends, and with the channel ends the job.
        with ours:
            ours.settimeout(0)
            with theirs:
                files = [source.fileno(), result.fileno(), theirs.fileno()]
                with suppress(BrokenPipeError):
                    socket.send_fds(serving.control, [message], files)
            try:
                async with asyncio.timeout(seconds + START_SECONDS):
                    told = await asyncio.get_running_loop().sock_recv(ours, MESSAGE_BYTES)
            except (TimeoutError, ConnectionError):
                told = b""
        if told:
            return msgspec.msgpack.decode(told, type=Outcome).end
        await self._stop(serving)
        return None

    def _start(self) -> Serving:
        if self._closed:
            raise SandboxDown("it is closed")
        control, theirs = socket.socketpair()
        control.settimeout(0)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_environment() | self._environment,
                start_new_session=True,  # Ctrl-C is for the gateway, which ends it by closing its input
            )
        return Serving(process, control)

    async def _stop(self, serving: Serving) -> None:
        if self._serving is serving:
            self._serving = None
        serving.control.close()
        try:
            await asyncio.to_thread(serving.process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            serving.process.kill()
            await asyncio.to_thread(serving.process.wait)


def _environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    root = Path(sandbox.__path__[0]).parent
    return passed_on | {"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
