"""The documents floor as a process opens it: what takes documents in, makes them ready and finds them."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from msgspec import Struct

from documents.documents import Documents
from documents.embed import Booking
from documents.index import index_of
from documents.ingest import Ingest
from documents.parsing.parser import Parser
from documents.search import Library
from router.ground import Ground, tokenizers_of
from router.places import Places
from router.settings import Settings

FOLDER = "uploads"  # in the data folder: what is being read
BYTES_PER_MB = 1_000_000


class Holdings(Struct, frozen=True, kw_only=True):
    """What a process has of documents.

    Attributes:
        documents: Takes them in, lists and deletes them.
        library: Finds passages; None where there are no embeddings.
        most_bytes: Of one file.
        places: For those who send a file at the same time.
        run: The work that makes documents ready, for as long as the process serves.

    """

    documents: Documents
    library: Library | None
    most_bytes: int
    places: Places
    run: Callable[[], Awaitable[None]]


async def holdings_of(settings: Settings, ground: Ground, booking: Booking | None, stack: AsyncExitStack) -> Holdings:
    """Open the documents; neither a parser nor what searches vectors is started before there is work for it.

    Args:
        settings: How much may be kept.
        ground: Where.
        booking: Embeds, and books it; None where nothing can be embedded.
        stack: Closes what was opened.

    """
    database = ground.database
    index = await index_of(database)
    parser = Parser(tokenizers_of(settings), settings.document_max_passages)
    stack.push_async_callback(parser.aclose)
    folder = settings.data_dir / FOLDER
    ingest = Ingest(database, index, parser, booking, folder, owner=ground.owner)
    return Holdings(
        documents=Documents(database, index, most=settings.project_max_documents, arrived=ingest.wake),
        library=None if booking is None else Library(database, index, booking.model),
        most_bytes=settings.document_max_mb * BYTES_PER_MB,
        places=Places(),
        run=ingest.run,
    )
