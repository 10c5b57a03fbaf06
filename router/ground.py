"""Where the books stand: a file with locks and journals beside it, or a server where every process has a lease."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from accounts.gate.burying import adopt_orphans, bury, bury_by_files
from accounts.gate.clerk import Clerk
from agents.local.shelf import default_models_dir
from router.settings import Settings
from storage.clerk import Writer
from storage.database import is_postgres, sqlite_path
from storage.group_commit import GroupCommit
from storage.journal import Journal
from storage.migrations import upgrade
from storage.owners import Owner
from storage.script import Database
from storage.sqlite import Sqlite


class Ground(Struct, frozen=True, kw_only=True):
    """What a process stands on.

    Attributes:
        database: For all but the hot path.
        owner: The name of this process, which no other ever had.
        journal: Where it notes what it lets in; None where the database has the list.
        bury: Closes what dead processes left open and returns how much that was; raises StorageDown.
        writer_of: Starts the one writer.
        live: Says that this process lives, for as long as it serves; None where the system says so.

    """

    database: Database
    owner: str
    journal: Journal | None
    bury: Callable[[], Awaitable[int]]
    writer_of: Callable[[Clerk], Writer]
    live: Callable[[Clerk], Awaitable[None]] | None = None

    @property
    def lists_open(self) -> bool:
        """Whether the database keeps the list of open requests."""
        return self.journal is None


def database_url_of(settings: Settings) -> str:
    """Return where the books are kept."""
    return settings.database_url or f"sqlite:///{settings.data_dir.absolute() / 'router.db'}"


def tokenizers_of(settings: Settings) -> Path:
    """Return the folder of vocabularies."""
    return (settings.models_dir or default_models_dir()) / "tokenizers"


def database_of(settings: Settings) -> Database:
    """Return the database, which is connected to when it is used."""
    url = database_url_of(settings)
    if is_postgres(url):
        # asyncpg takes a while to import, and who keeps a file needs none of it.
        from storage.postgres import Postgres  # noqa: PLC0415

        return Postgres(url)
    return Sqlite(sqlite_path(url))


@asynccontextmanager
async def database_for(settings: Settings) -> AsyncGenerator[Database]:
    """Open the database at head, for a command.

    Raises:
        StorageError: It cannot be opened, or not brought to head.

    """
    await asyncio.to_thread(upgrade, database_url_of(settings))
    database = database_of(settings)
    try:
        yield database
    finally:
        await database.aclose()


async def ground_of(settings: Settings, stack: AsyncExitStack) -> Ground:
    """Take a place among the processes that share the books; the stack gives it up again.

    Raises:
        StorageError: The books cannot be opened.

    """
    url = database_url_of(settings)
    await asyncio.to_thread(upgrade, url)
    return await _on_server(url, stack) if is_postgres(url) else await _on_file(settings, stack)


async def _on_file(settings: Settings, stack: AsyncExitStack) -> Ground:
    path = sqlite_path(database_url_of(settings))
    database = Sqlite(path)
    locks, journals = settings.data_dir / "owners", settings.data_dir / "journals"
    owner = Owner(locks)
    stack.callback(owner.close)
    journal = Journal(journals / owner.id)
    stack.callback(journal.end)
    return Ground(
        database=database,
        owner=owner.id,
        journal=journal,
        bury=partial(bury_by_files, database, locks, journals),
        writer_of=partial(GroupCommit, path),
    )


async def _on_server(url: str, stack: AsyncExitStack) -> Ground:
    from storage.leases import Lease, bury_expired, bury_released  # noqa: PLC0415 - as asyncpg
    from storage.postgres import Postgres  # noqa: PLC0415 - same reason
    from storage.postgres_commit import PostgresCommit  # noqa: PLC0415 - same reason

    database = Postgres(url)
    stack.push_async_callback(database.aclose)
    lease = Lease(database, uuid4().hex)
    await lease.take()
    stack.push_async_callback(lease.release)

    async def bury_the_dead() -> int:
        await database.write(lambda: adopt_orphans(database.clock_ns()))
        burying = bury_expired if lease.steady else bury_released
        return await burying(database, lambda owner: bury(owner, ()))

    return Ground(
        database=database,
        owner=lease.owner_id,
        journal=None,
        bury=bury_the_dead,
        writer_of=partial(PostgresCommit, database),
        live=lambda clerk: lease.keep(clerk.hold_anew),
    )
