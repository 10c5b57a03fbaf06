"""Brings a PostgreSQL database to head: one transaction, and whoever comes second waits for it."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from storage.errors import StorageDown
from storage.postgres_session import CONNECT_SECONDS
from storage.postgres_sql import FAILURES, text_of_failure
from storage.script import T

_LOCK_MS = 60_000
_UPGRADERS = 5_707_126_209  # the advisory lock of all who upgrade


def upgrade_postgres(url: str, head: str) -> None:
    """Create the tables in an existing database, or bring them to head.

    Raises:
        SchemaNewer: The database comes from a newer version of the gateway.
        StorageDown: The server cannot be reached, or refused a step; none of them was kept.

    """
    if revision_of_postgres(url) != head:
        _now(_upgrade(url))


def revision_of_postgres(url: str) -> str | None:
    """Return the revision that a database is at; None when it has no tables of ours.

    Raises:
        StorageDown: The server cannot be reached.

    """
    return _now(_revision(url))


def _now(work: Coroutine[None, None, T]) -> T:
    # In a thread of its own: whoever calls may be inside an event loop already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    settings = {"application_name": "router upgrade", "lock_timeout": str(_LOCK_MS)}
    return await asyncpg.connect(url, timeout=CONNECT_SECONDS, server_settings=settings)


async def _revision(url: str) -> str | None:
    try:
        connection = await _connect(url)
        try:
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            return await connection.fetchval("SELECT version_num FROM alembic_version")
        finally:
            await connection.close()
    except (*FAILURES, ValueError) as cause:
        raise StorageDown(text_of_failure(cause)) from cause


async def _upgrade(url: str) -> None:
    # Alembic and SQLAlchemy take 0.3 s to import, and a start at head needs neither.
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - alembic is slow
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - alembic is slow
    from sqlalchemy.pool import NullPool  # noqa: PLC0415 - alembic is slow

    from storage.migrations.run import bring_to_head  # noqa: PLC0415 - alembic is slow

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _connect(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADERS})")
            await connection.run_sync(bring_to_head)
    except DBAPIError as cause:
        raise StorageDown(str(cause.orig)) from cause
    except FAILURES as cause:
        raise StorageDown(text_of_failure(cause)) from cause
    finally:
        await engine.dispose()
