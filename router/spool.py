"""Where recordings lie while they are heard: files named by chance, gone whatever happens to the process."""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

from agents.audio.decoder import RESERVE_BYTES
from documents.desk import desk
from router.decoding import too_large
from router.errors import Refused
from router.forms import FILE

PIECE_BYTES = 256_000  # written at a time, by a thread: a disk that is slow holds up nobody else
UPLOAD = "upload"


class Spooled:
    """One file on its way to the disk.

    Args:
        path: Where it goes.
        most: Bytes of it.
        reserve_bytes: Of the disk, which recordings leave free: the books lie on it too.

    Attributes:
        path: Where it is.

    """

    def __init__(self, path: Path, most: int, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.path = path
        self._reserve_bytes = reserve_bytes
        self._most = most
        self._size = 0
        self._rest = bytearray()
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> bytes:
        """The SHA-256 of what has come."""
        return self._digest.digest()

    def begin(self, file_name: str) -> None:
        """Begin it; what the client calls it says nothing of what it is (L-7)."""
        del file_name

    async def add(self, data: bytes) -> None:
        """Take some bytes of it.

        Raises:
            Refused: `body_too_large`; `overloaded` when the disk does not take them.

        """
        self._size += len(data)
        if self._size > self._most:
            raise too_large(self._most)
        self._rest += data
        if len(self._rest) >= PIECE_BYTES:
            await self._write()

    async def end(self) -> None:
        """Have all of it on the disk.

        Raises:
            Refused: It is empty, or as `add`.

        """
        if not self._size:
            raise Refused("invalid_request", "le fichier est vide", param=FILE)
        await self._write()

    async def _write(self) -> None:
        piece, self._rest = self._rest, bytearray()
        try:
            await asyncio.to_thread(self._append, piece)
        except OSError as cause:
            raise Refused("overloaded") from cause

    def _append(self, piece: bytearray) -> None:
        self._digest.update(piece)
        if shutil.disk_usage(self.path.parent).free < self._reserve_bytes + len(piece):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with self.path.open("ab") as file:
            file.write(piece)


class Spool:
    """The folder of this process, in which every recording has one of its own.

    Args:
        folder: Shared with other processes; what those that died left there is removed by the next that begins.
        owner: The name of this process, which no other ever had.

    """

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder
        self._owner = owner
        self._own: Path | None = None
        self._stack = ExitStack()

    def open(self) -> None:
        """Make the folder, unless the disk takes none now: then it is tried again when there is something to keep."""
        try:
            self._own = self._stack.enter_context(desk(self._folder, self._owner))
        except OSError:
            self._own = None

    def close(self) -> None:
        """Remove the folder."""
        self._stack.close()

    @asynccontextmanager
    async def room(self) -> AsyncGenerator[Path]:
        """Make a folder for one recording and all that is made of it, and remove it in the end.

        Raises:
            Refused: `overloaded`: the disk takes none.

        """
        if self._own is None:
            await asyncio.to_thread(self.open)
        try:
            if self._own is None:
                raise Refused("overloaded")
            room = self._own / uuid4().hex
            room.mkdir(mode=0o700)
        except OSError as cause:
            raise Refused("overloaded") from cause
        try:
            yield room
        finally:
            # To free half a gigabyte takes a while, on which nobody else has to wait.
            await asyncio.to_thread(shutil.rmtree, room, ignore_errors=True)
