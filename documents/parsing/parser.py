"""Reads documents in a process of its own, so that no file can hurt the gateway."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from documents.document import Format, Passage
from documents.errors import ParserDown, Unreadable
from documents.parsing.formats import TABLES
from documents.parsing.limits import Limits
from documents.parsing.wire import Refusal, Request, frames
from sandbox.sandbox import Sandbox, SandboxDown
from sandbox.wire import End

# The process holds about 110 MB.
IDLE_SECONDS = 300.0

_MODULE = "documents.parsing.serve"

_REASONS: Mapping[str, str] = {
    "time": "it takes too long to read",
    "memory": "it needs too much memory to read",
    "size": "it has too much text; split it",
    "broken": "it is damaged",
}


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
        self._most_passages = most_passages
        self._limits = limits
        self._sandbox = Sandbox(_MODULE, str(tokenizers.absolute()), str(idle_seconds))

    @property
    def pid(self) -> int | None:
        """The process id of the parsing process, None while it is not running."""
        return self._sandbox.pid

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
        try:
            with upload.open("rb") as source, tempfile.TemporaryFile() as result:
                end = await self._sandbox.run(msgspec.msgpack.encode(request), source, result, self._limits)
                return await _passages(end, result)
        except SandboxDown as cause:
            raise ParserDown(str(cause)) from cause
        except OSError as cause:
            raise ParserDown(cause.strerror or "") from cause

    async def aclose(self) -> None:
        """End the process and what it reads."""
        await self._sandbox.aclose()


async def _passages(end: End, result: BinaryIO) -> tuple[Passage, ...]:
    if end == "disk":
        raise ParserDown("there is no room on the disk")
    if end != "done":
        raise Unreadable(_REASONS[end])
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
