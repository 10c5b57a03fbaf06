"""The work that makes documents ready: whatever process does it, and however often one dies, each ends once."""

import asyncio
from pathlib import Path

from msgspec import Struct

from documents.derived import Vectors
from documents.embed import Booking
from documents.reader import Reader
from storage.script import Database


class Pace(Struct, frozen=True, kw_only=True):
    """How the work is done.

    Attributes:
        at_once: How many documents a process works on at a time.
        lease_s: After how many seconds without a word another process takes over.
        poll_s: How often work that other processes left is looked for, in seconds.
        sweep_s: How often abandoned uploads and vectors of another model are looked for, in seconds.

    """

    at_once: int = 2
    lease_s: float = 15.0
    poll_s: float = 2.0
    sweep_s: float = 60.0


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
    ) -> None:
        """Begin nothing yet.

        Args:
            database: Where documents are.
            vectors: Where their vectors go.
            reader: Parses and cuts uploads.
            booking: Embeds and books it; None where there are no embeddings: then keywords alone find documents.
            folder: Where uploads lie while they are read; of this process alone, made when it is missing.
            owner: The name of this process, which no other ever had.
            pace: How many documents at a time, and how often what is looked for.

        """

    async def run(self) -> None:
        """Work until cancelled; what was begun is given back then."""
        await asyncio.Event().wait()

    def wake(self) -> None:
        """Look for work now."""
