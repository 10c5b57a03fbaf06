"""Reads documents in a process of its own, so that no file can hurt the gateway."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

import documents
from documents.document import Format, Passage
from documents.errors import ParserDown, Unreadable
from documents.parsing.formats import TABLES
from documents.parsing.limits import Limits
from documents.parsing.wire import REQUEST_BYTES, Outcome, Refusal, Request, frames

# A first document also waits for the process to start: half a second idle, more on a busy machine.
START_SECONDS = 60.0
STOP_SECONDS = 2.0
TRIES = 2
# The process holds about 110 MB.
IDLE_SECONDS = 300.0

_COMMAND = (sys.executable, "-m", "documents.parsing.serve")

# All the process gets of the environment: where programs and libraries are, and the language. No key, no address.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")

_REASONS: Mapping[str, str] = {
    "time": "it takes too long to read",
    "memory": "it needs too much memory to read",
    "size": "it has too much text; split it",
    "broken": "it is damaged",
}


class Serving(Struct, frozen=True):
    """One life of the parsing process; it ends when `control` is closed, by whomever."""

    process: subprocess.Popen[bytes]
    control: socket.socket


class Parser:
    """Reads one document at a time; the process starts with the first, and again whenever it has ended."""

    def __init__(
        self,
        tokenizers: Path,
        most_passages: int = 5_000,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Set up.

        Args:
            tokenizers: The folder of vocabularies; without the right one, a token is taken for four bytes.
            most_passages: A document that has more cannot be read.
            limits: What reading one document may take.
            idle_seconds: After which the process ends, to give its memory back.

        """
        self._tokenizers = tokenizers
        self._most_passages = most_passages
        self._limits = limits
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Lock()
        self._serving: Serving | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the parsing process, None while it is not running."""
        return self._serving.process.pid if self._serving else None

    async def read(self, upload: Path, name: str, format: Format) -> tuple[Passage, ...]:  # noqa: A002 - what it is
        """Return the passages of a file; cancelling it ends the reading.

        Args:
            upload: The file.
            name: What its uploader calls it.
            format: What `format_of` told of it.

        Raises:
            Unreadable: And another try would end the same way; the text says why.
            ParserDown: The parsing process does not run, or the disk is full.

        """
        suffix = Path(name).suffix.lower()
        request = Request(format, suffix if suffix in TABLES else "", self._most_passages, self._limits)
        async with self._turn:
            for _ in range(TRIES):
                try:
                    with upload.open("rb") as source, tempfile.TemporaryFile() as result:
                        if outcome := await self._ask(request, source, result):
                            return await _passages(outcome, result)
                except OSError as cause:
                    raise ParserDown(cause.strerror or "") from cause
            raise ParserDown("its process ends at once")

    async def aclose(self) -> None:
        """End the process and what it reads."""
        self._closed = True
        await self._stop()

    async def _ask(self, request: Request, source: BinaryIO, result: BinaryIO) -> Outcome | None:
        """Have a document read; None when the process ended meanwhile."""
        if self._serving is None:
            self._serving = self._start()
        ours, theirs = socket.socketpair()
        # The channel closes with this block however it ends, and with the channel ends the reading.
        with ours:
            ours.settimeout(0)
            with theirs:
                files = [source.fileno(), result.fileno(), theirs.fileno()]
                with suppress(BrokenPipeError):
                    socket.send_fds(self._serving.control, [msgspec.json.encode(request)], files)
            try:
                async with asyncio.timeout(request.limits.wall_seconds + START_SECONDS):
                    told = await asyncio.get_running_loop().sock_recv(ours, REQUEST_BYTES)
            except (TimeoutError, ConnectionError):
                told = b""
        if told:
            return msgspec.json.decode(told, type=Outcome)
        await self._stop()
        return None

    def _start(self) -> Serving:
        if self._closed:
            raise ParserDown("it is closed")
        control, theirs = socket.socketpair()
        control.settimeout(0)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*_COMMAND, str(self._tokenizers.absolute()), str(self._idle_seconds)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the gateway, which ends it by closing its input
            )
        return Serving(process, control)

    async def _stop(self) -> None:
        serving, self._serving = self._serving, None
        if serving is None:
            return
        serving.control.close()
        try:
            await asyncio.to_thread(serving.process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            serving.process.kill()
            await asyncio.to_thread(serving.process.wait)


async def _passages(outcome: Outcome, result: BinaryIO) -> tuple[Passage, ...]:
    if outcome.end == "disk":
        raise ParserDown("there is no room on the disk")
    if outcome.end != "done":
        raise Unreadable(_REASONS[outcome.end])
    passages: list[Passage] = []
    try:
        for frame in frames(result):
            if isinstance(frame, Refusal):
                raise Unreadable(frame.reason)
            passages.extend(frame.passages)
            await asyncio.sleep(0)  # a long document is decoded between other work
    except msgspec.DecodeError as cause:
        raise Unreadable(_REASONS["broken"]) from cause
    return tuple(passages)


def _environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    root = Path(documents.__path__[0]).parent
    return passed_on | {"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
