"""The work that makes documents ready: whatever process does it, and however often one dies, each ends once."""

import asyncio
import logging
import secrets
from contextlib import suppress
from pathlib import Path
from time import monotonic

from msgspec import Struct

from documents.claims import (
    DELETING,
    MOST_TRIES,
    PROCESSING,
    Claim,
    ClaimLost,
    Work,
    claim,
    failed,
    given_back,
    put_off,
    renewed,
    stale,
    waits,
)
from documents.courtesy import NOBODY, Courtesy
from documents.derived import Vectors
from documents.desk import desk
from documents.documents import erase
from documents.embed import Booking
from documents.errors import DocumentError, EmbeddingDelayed, EmbeddingFailed, EmbeddingRefused, ParserDown, Unreadable
from documents.making import Maker
from documents.reader import Reader
from documents.uploads import drop, dropped, sweep
from storage.errors import StorageDown, StorageError, UnitRefused
from storage.script import Database, Script

_NS = 10**9
_LONG_PAUSE_S = 3600.0
_INTERRUPTED = "The document could not be read: the work on it was interrupted again and again."
_UNFIT = "The document cannot be read: it holds what the database does not take."
_DEFECT = "The document could not be worked on."
_NO_STORE = "The document could not be kept while it was read."
_log = logging.getLogger("router")


class Pace(Struct, frozen=True, kw_only=True):
    """How the work is done.

    Attributes:
        at_once: How many documents a process works on at a time.
        lease_s: After how many seconds without a word another process takes over.
        poll_s: How often work that other processes left is looked for, in seconds.
        sweep_s: How often abandoned uploads and vectors of another model are looked for, in seconds.
        pause_s: How long what failed waits after its first try, in seconds; then twice as long each time.
        longest_pause_s: How long it waits at most, in seconds.

    """

    at_once: int = 2
    lease_s: float = 15.0
    poll_s: float = 2.0
    sweep_s: float = 60.0
    pause_s: float = 2.0
    longest_pause_s: float = 300.0

    def pause_after(self, tries: int) -> float:
        """Return how long to wait after so many tries, in seconds."""
        return min(self.longest_pause_s, self.pause_s * 2 ** min(tries - 1, 20))


_USUAL = Pace()


class Ingest:
    """Takes documents that wait, reads them, embeds their passages and makes them ready."""

    def __init__(
        self,
        database: Database,
        vectors: Vectors,
        reader: Reader,
        booking: Booking | None,
        folder: Path,
        *,
        owner: str,
        pace: Pace = _USUAL,
        courtesy: Courtesy = NOBODY,
    ) -> None:
        """Begin nothing yet.

        Args:
            database: Where documents are.
            vectors: Where their vectors go.
            reader: Parses and cuts uploads.
            booking: Embeds and books it; None where there are no embeddings: then keywords alone find documents.
            folder: Where uploads lie while they are read; made when it is missing, and shared with other processes.
            owner: The name of this process, which no other ever had.
            pace: How many documents at a time, and how often what is looked for.
            courtesy: Rests while requests are served.

        """
        self._database = database
        self._vectors = vectors
        self._maker = Maker(database, vectors, reader, booking, courtesy)
        self._courtesy = courtesy
        self._folder = folder
        self._owner = owner
        self._pace = pace
        self._news = asyncio.Event()
        self._turn = ""
        self._some_stale = False

    async def run(self) -> None:
        """Work until cancelled; what was begun is given back then. A disk that takes no folder is waited for."""
        told = False
        while True:
            try:
                with desk(self._folder, self._owner) as own:
                    await self._work_at(own)
            except OSError as cause:
                # What else the gateway does needs no folder: this must not end it.
                if not told:
                    _log.error("documents wait: there is no folder to read them in (%s)", cause.strerror)
                told = True
            await asyncio.sleep(self._pace.poll_s)

    async def _work_at(self, own: Path) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._pace.at_once):
                group.create_task(self._work(own))
            group.create_task(self._tidy())

    def wake(self) -> None:
        """Look for work now."""
        self._news.set()

    async def _work(self, own: Path) -> None:
        while True:
            self._news.clear()
            held = await self._next()
            if held is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.poll_s):
                        await self._news.wait()
            else:
                began = monotonic()
                await self._hold(held, own)
                await self._courtesy.rest_after(monotonic() - began)

    async def _next(self) -> Claim | None:
        """Claim a document: one that waits, or else one whose vectors are of another model."""
        with suppress(StorageError):
            if held := await self._claim(PROCESSING):
                self._turn = held.document.project_id
                return held
            if self._some_stale and self._maker.indexed_by is not None:
                held = await self._claim(stale(self._maker.indexed_by))
                self._some_stale = held is not None
                return held
        return None

    async def _claim(self, work: Work) -> Claim | None:
        database, token = self._database, f"{self._owner}-{secrets.token_hex(4)}"
        # To look does not keep anybody from writing.
        if not await database.read(lambda: waits(work, database.clock_ns())):
            return None
        return await database.write(lambda: claim(work, database.clock_ns(), self._until_ns(), token, self._turn))

    def _until_ns(self) -> int:
        return self._database.clock_ns() + int(self._pace.lease_s * _NS)

    async def _hold(self, held: Claim, own: Path) -> None:
        """Work on a document while its claim is renewed; give the claim back if this is cancelled."""
        work = asyncio.create_task(self._try(held, own))
        try:
            while not (await asyncio.wait([work], timeout=self._pace.lease_s / 4))[0]:
                if not await self._renew(held):
                    return
            await self._answer_for(held, work.exception())
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
                with suppress(StorageError):
                    await self._database.write(lambda: given_back(held))

    async def _answer_for(self, held: Claim, defect: BaseException | None) -> None:
        """Go on after a defect of ours: it must not end the gateway, nor be hidden."""
        if defect is not None:
            _log.error("document %s could not be worked on", held.id, exc_info=defect)
            with suppress(ClaimLost, StorageError):
                await self._put_off(held, _DEFECT)

    async def _renew(self, held: Claim) -> bool:
        try:
            return await self._database.write(lambda: renewed(held, self._until_ns()))
        except StorageError:
            # Whether it is lost is seen at the next write.
            return True

    async def _try(self, held: Claim, own: Path) -> None:
        try:
            try:
                await self._make(held, own)
            except (Unreadable, EmbeddingRefused, UnitRefused) as cause:
                await self._refuse(held, _reason(cause))
            except EmbeddingDelayed as cause:
                await self._wait(held, _reason(cause))
            except (EmbeddingFailed, ParserDown, StorageDown, OSError) as cause:
                await self._put_off(held, _reason(cause))
        except (ClaimLost, StorageDown):
            # Another's now, or it will be once the claim ends.
            _log.debug("document %s was left to others", held.id)

    async def _make(self, held: Claim, own: Path) -> None:
        if held.document.state == "ready":
            # However often that was in vain: it has passages, and will have vectors once they can be had.
            await self._maker.embed_anew(held)
        elif held.tries > MOST_TRIES:
            await self._refuse(held, held.error or _INTERRUPTED)
        else:
            await self._maker.make(held, own)

    async def _put_off(self, held: Claim, reason: str) -> None:
        if held.tries >= MOST_TRIES:
            await self._refuse(held, reason)
        else:
            await self._later(held, reason, self._pace.pause_after(held.tries))

    async def _wait(self, held: Claim, reason: str) -> None:
        """Try again however often that was: a project that sends more than its limits let in loses nothing by it."""
        tries = min(held.tries, MOST_TRIES // 2)
        await self._later(held, reason, self._pace.pause_after(tries), tries)

    async def _refuse(self, held: Claim, reason: str) -> None:
        if held.document.state == "ready":
            # It was read once, and keywords find it: it never fails for want of vectors.
            await self._later(held, reason, _LONG_PAUSE_S)
            return
        await self._maker.clear(held)
        if await self._database.write(lambda: _failed(held, reason)) and held.upload is not None:
            await drop(self._database, held.upload)

    async def _later(self, held: Claim, reason: str, seconds: float, tries: int | None = None) -> None:
        due_ns, counted = self._database.clock_ns() + int(seconds * _NS), held.tries if tries is None else tries
        await self._database.write(lambda: put_off(held, reason, due_ns, counted))

    async def _tidy(self) -> None:
        """Now and then, end the deletions of the dead, remove abandoned uploads and look for old vectors."""
        while True:
            with suppress(StorageError):
                while held := await self._claim(DELETING):
                    await erase(self._database, held.id, held.upload, self._vectors)
                await sweep(self._database)
            self._some_stale = True
            self.wake()
            await asyncio.sleep(self._pace.sweep_s)


def _failed(held: Claim, reason: str) -> Script[bool]:
    """Fail a document and remove the first chunks of its upload; True when there may be more."""
    yield from failed(held, reason)
    return held.upload is not None and (yield from dropped(held.upload))


def _reason(cause: Exception) -> str:
    """Return what the user is told: the texts of the documents' own errors, and nothing of the machine's."""
    if isinstance(cause, DocumentError):
        return str(cause)
    return _UNFIT if isinstance(cause, UnitRefused) else _NO_STORE
