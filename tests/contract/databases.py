"""A database and a writer of either kind for a URL, and short scripts to run on them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from storage.clerk import Clerk, PlainClerk, Writer
from storage.database import is_postgres, sqlite_path
from storage.group_commit import GroupCommit
from storage.postgres import Postgres
from storage.postgres_commit import PostgresCommit
from storage.script import Database, Query, Rows, Script
from storage.sqlite import Sqlite


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Postgres(url) if is_postgres(url) else Sqlite(sqlite_path(url))
    try:
        yield database
    finally:
        await database.aclose()


@asynccontextmanager
async def writing(url: str, clerk: Clerk | None = None, seconds: float = 5, **limits: float) -> AsyncIterator[Writer]:
    async with opened(url) as database:
        if isinstance(database, Postgres):
            writer = PostgresCommit(database, clerk or PlainClerk(), **limits)
        else:
            writer = GroupCommit(sqlite_path(url), clerk or PlainClerk(), **limits)
        try:
            yield writer
        finally:
            await writer.close(seconds)


def asking(sql: str, *values: str | float | None) -> Callable[[], Script[Rows]]:
    """A script of one query that returns its rows."""

    def script() -> Script[Rows]:
        return (yield Query(sql, values))

    return script


async def projects(database: Database) -> list[str]:
    rows = await database.read(asking("SELECT id FROM projects WHERE id <> 'proj-default' ORDER BY id"))
    return [name for (name,) in rows]
