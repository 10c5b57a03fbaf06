"""Brings the database to the shape that this version of the code expects, once, whoever starts first."""

import fcntl
import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from storage.database import is_postgres, open_to_read, open_to_write, sqlite_path
from storage.errors import StorageDown

HEAD = "0005"


def upgrade(url: str) -> None:
    """Create the database that `url` names, or bring it to head; at head already, it takes a few milliseconds.

    Several processes may call this at once. An upgrade is one transaction: it is whole or did not happen.

    Raises:
        DatabaseUnsupported: The URL names a kind of database that is not supported.
        SchemaNewer: The database comes from a newer version of the gateway.
        StorageDown: The database cannot be opened or written.

    """
    if is_postgres(url):
        # asyncpg takes a while to import, and who keeps a file needs none of it.
        from storage.migrations.on_postgres import upgrade_postgres  # noqa: PLC0415 - as asyncpg is slow

        upgrade_postgres(url, HEAD)
    else:
        _upgrade_file(sqlite_path(url))


def revision_of(url: str) -> str | None:
    """Return the revision that a database is at; None when it was never made.

    Raises:
        DatabaseUnsupported: The URL names a kind of database that is not supported.
        StorageDown: The database cannot be read.

    """
    if is_postgres(url):
        from storage.migrations.on_postgres import revision_of_postgres  # noqa: PLC0415 - as asyncpg is slow

        return revision_of_postgres(url)
    path = sqlite_path(url)
    if not path.exists():
        return None
    try:
        with closing(open_to_read(path)) as connection:
            return _revision(connection)
    except sqlite3.Error as cause:
        raise StorageDown(f"{path}: {cause}") from cause


def _upgrade_file(path: Path) -> None:
    try:
        if path.exists() and _is_ready(path):
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path):
            if not _is_ready(path):
                _use_write_ahead_log(path)
                # Alembic and SQLAlchemy take 0.3 s to import, and a start at head needs neither.
                from storage.migrations.run import run  # noqa: PLC0415 - alembic is slow

                run(path)
    except (OSError, sqlite3.Error) as cause:
        raise StorageDown(f"{path}: {cause}") from cause


def _is_ready(path: Path) -> bool:
    with closing(open_to_read(path)) as connection:
        # The mode stays in the file, but a copy that was restored may have lost it.
        return _revision(connection) == HEAD and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def _revision(connection: sqlite3.Connection) -> str | None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row and row[0]


def _use_write_ahead_log(path: Path) -> None:
    # Only ever under the lock: SQLite fails, and does not wait, when two processes change the mode at once.
    with closing(open_to_write(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


@contextmanager
def _alone(path: Path) -> Generator[None]:
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        yield
    finally:
        os.close(lock)
