"""Turns an uploaded file into a recording, in a process of its own that no file can hurt the gateway from."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from agents.audio.clip import RATE, SAMPLE_BYTES
from agents.audio.errors import AudioTooLong, AudioUnreadable, DecoderDown
from agents.audio.heard import MOST_TOLD_BYTES, Heard, Refused, Request, read
from agents.audio.recording import Recording
from sandbox.limits import MIB, Limits
from sandbox.sandbox import Sandbox, SandboxDown
from sandbox.wire import End

IDLE_SECONDS = 300.0
MEMORY_BYTES = 256 * MIB
# So many at a time; of those that may take long only one, so that short ones find a place.
PLACES, LARGE_BYTES = 4, 8 * MIB
# What is left of the disk to the books beside the recordings: twenty kilobytes may unfold to half a gigabyte.
RESERVE_BYTES = 128 * MIB
# An encoder pads: what is allowed to last an hour may last so much more.
GRACE_FRAMES = RATE // 2
# The slowest codec takes a second of processor for five minutes of sound; a busy machine takes longer by the clock.
CPU_SECONDS, SOUND_A_CPU_SECOND = 10, 50
WALL_SECONDS, SOUND_A_WALL_SECOND = 30.0, 10

_MODULE = "agents.audio.decoding"
# One thread: a library that starts more at its import could not do so in the fork.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

_REASONS: Mapping[str, str] = {
    "time": "it takes too long to decode",
    "memory": "it needs too much memory to decode",
    "size": "it is damaged",
    "broken": "it is damaged",
}


class Decoder:
    """Decodes uploads; the process starts with the first, or is there before it, and ends when it idles."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Set up; nothing is started.

        Args:
            idle_seconds: After which the process ends, to give its memory back.
            reserve_bytes: Of the disk, which recordings leave free.

        """
        self._reserve_bytes = reserve_bytes
        self._sandbox = Sandbox(_MODULE, str(idle_seconds), places=PLACES, environment=_ENVIRONMENT)
        self._large = asyncio.Semaphore(1)

    @property
    def pid(self) -> int | None:
        """The process id of the decoding process, None while it is not running."""
        return self._sandbox.pid

    def start(self) -> None:
        """Start the process unless it runs: it is ready when the upload is; what fails is told by `decode`."""
        with suppress(SandboxDown, OSError):
            self._sandbox.start()

    async def decode(self, upload: Path, most_s: int, folder: Path) -> Recording:
        """Return the sound of a file as a recording, whose file is then the caller's; cancelling it ends the decoding.

        Args:
            upload: The file, in whatever format.
            most_s: How many seconds it may last.
            folder: Where the recording's file is put.

        Raises:
            AudioUnreadable: And another try would end the same way; the text says why.
            AudioTooLong: It lasts longer.
            DecoderDown: The decoding process does not run, or the disk has no room for it.

        """
        try:
            async with self._lane(upload):
                return await self._decoded(upload, most_s, folder)
        except SandboxDown as cause:
            raise DecoderDown(str(cause)) from cause
        except OSError as cause:
            raise DecoderDown(cause.strerror or "") from cause

    async def aclose(self) -> None:
        """End the process and what it decodes."""
        await self._sandbox.aclose()

    def _lane(self, upload: Path) -> AbstractAsyncContextManager[object]:
        return self._large if upload.stat().st_size > LARGE_BYTES else nullcontext()

    async def _decoded(self, upload: Path, most_s: int, folder: Path) -> Recording:
        request = msgspec.msgpack.encode(Request(most_s * RATE + GRACE_FRAMES))
        descriptor, name = tempfile.mkstemp(".pcm", "audio-", folder)
        async with AsyncExitStack() as failing:
            # To free the blocks of hours of samples takes half a second.
            failing.push_async_callback(asyncio.to_thread, Path(name).unlink, missing_ok=True)
            with os.fdopen(descriptor, "r+b") as result, upload.open("rb") as source:
                limits = _limits(most_s, self._room(folder))
                end = await self._sandbox.run(request, source, result, limits)
                if end == "size" and limits.result_bytes < _most_bytes(most_s):
                    end = "disk"
                # Of hours there may be a hundred thousand pauses.
                recording = await asyncio.to_thread(_recording, end, result, Path(name), most_s)
            failing.pop_all()
            return recording

    def _room(self, folder: Path) -> int:
        """Return how many bytes one recording may take of the disk while as many as there are places are made."""
        return max(0, shutil.disk_usage(folder).free - self._reserve_bytes) // PLACES


def _most_bytes(most_s: int) -> int:
    return (most_s * RATE + GRACE_FRAMES) * SAMPLE_BYTES + MOST_TOLD_BYTES


def _limits(most_s: int, room: int) -> Limits:
    return Limits(
        memory_bytes=MEMORY_BYTES,
        cpu_seconds=CPU_SECONDS + most_s // SOUND_A_CPU_SECOND,
        wall_seconds=WALL_SECONDS + most_s / SOUND_A_WALL_SECOND,
        result_bytes=min(_most_bytes(most_s), room),
    )


def _recording(end: End, result: BinaryIO, path: Path, most_s: int) -> Recording:
    if end == "disk":
        raise DecoderDown("there is no room on the disk")
    if end != "done":
        raise AudioUnreadable(_REASONS[end])
    try:
        told, size = read(result)
    except msgspec.DecodeError as cause:
        raise AudioUnreadable(_REASONS["broken"]) from cause
    if isinstance(told, Refused):
        raise AudioUnreadable(told.reason)
    if not isinstance(told, Heard):
        raise AudioTooLong(_too_long(told.declared_s, most_s))
    # Whatever a process that was taken over tells: there are as many samples as there are.
    if told.frames * SAMPLE_BYTES != size:
        raise AudioUnreadable(_REASONS["broken"])
    result.truncate(size)
    return Recording(path, told.frames, told.pauses)


def _too_long(declared_s: float | None, most_s: int) -> str:
    if declared_s is not None and declared_s > most_s:
        return f"it lasts about {declared_s:.0f} s, and {most_s} s are the most"
    return f"it lasts more than {most_s} s"
