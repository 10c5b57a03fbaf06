"""Which database a URL names; connections to the file: who writes waits its turn, who reads never blocks a writer."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

from storage.errors import DatabaseUnsupported, StorageDown

BUSY_SECONDS = 5.0
_CACHED_STATEMENTS = 512


def check_url(url: str) -> None:
    """Say whether a URL names a database, without looking for it.

    Raises:
        DatabaseUnsupported: It does not; no part of the URL but its scheme is repeated.

    """
    if not is_postgres(url):
        sqlite_path(url)
        return
    try:
        parts = urlsplit(url)
        # Reading the port is what finds it wrong.
        whole = (parts.hostname or "host=" in parts.query) and len(parts.path) > 1 and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise DatabaseUnsupported(
            f"ROUTER_DATABASE_URL must be {url.partition(':')[0]}://user:password@host:port/name; "
            "signs such as @, : and / in a password are written %40, %3A, %2F"
        )


def is_postgres(url: str) -> bool:
    """Whether a database URL names a PostgreSQL server."""
    return url.startswith(("postgresql://", "postgres://"))


def sqlite_path(url: str) -> Path:
    """Return the file that a database URL names: `sqlite:///relative` or `sqlite:////absolute`.

    Raises:
        DatabaseUnsupported: The URL names another database, or no file.

    """
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path or path == ":memory:" or "?" in path:
        # The rest of a URL may hold a password, so only its scheme is repeated.
        raise DatabaseUnsupported(
            "ROUTER_DATABASE_URL must be sqlite:///path or postgresql://user:password@host:port/name, "
            f"not {url.partition(':')[0]}:…"
        )
    return Path(path)


def open_to_write(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open an existing database for writing, in autocommit: transactions are begun by hand.

    The connection may be handed to another thread, but only one may use it at a time.

    Raises:
        StorageDown: The file cannot be opened, or stays locked for `busy_seconds`.

    """
    connection = _open(path, "rw", busy_seconds)
    connection.executescript("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON")
    return connection


def check_writable(path: Path) -> None:
    """Take the right to write and give it back.

    Raises:
        StorageDown: Nobody can write there, or somebody else does for longer than one waits.

    """
    try:
        with closing(open_to_write(path)) as connection:
            connection.executescript("BEGIN IMMEDIATE; ROLLBACK")
    except sqlite3.Error as cause:
        raise StorageDown(f"{path}: {cause}") from cause


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing database for reading only; works beside a writer and after one was killed.

    Raises:
        StorageDown: The file cannot be opened.

    """
    return _open(path, "ro", BUSY_SECONDS)


def _open(path: Path, mode: str, busy_seconds: float) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=busy_seconds,
            cached_statements=_CACHED_STATEMENTS,
        )
    except sqlite3.Error as cause:
        raise StorageDown(f"{path}: {cause}") from cause
