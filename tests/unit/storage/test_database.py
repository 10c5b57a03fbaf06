"""The database file: which URL names it, and what a reader may do."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import check_url, is_postgres, open_to_read, open_to_write, sqlite_path
from storage.errors import DatabaseUnsupported, StorageDown


def test_url_names_a_relative_or_an_absolute_file():
    assert sqlite_path("sqlite:///data/router.db") == Path("data/router.db")
    assert sqlite_path("sqlite:////var/lib/router.db") == Path("/var/lib/router.db")


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@db/router", "postgres:secret", "sqlite://", "sqlite:///:memory:", "sqlite:///a?b", ""],
)
def test_url_that_names_no_file_is_refused_by_the_setting_s_name_and_keeps_its_password(url):
    with pytest.raises(DatabaseUnsupported, match="ROUTER_DATABASE_URL") as refused:
        sqlite_path(url)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///router.db",
        "postgresql://me:secret@db.example:5432/router",
        "postgres://me:s%40cret@127.0.0.1/router?sslmode=require",
        "postgresql:///router?host=/run/postgresql",
    ],
)
def test_url_of_a_file_or_of_a_server_names_a_database(url):
    check_url(url)

    assert is_postgres(url) is not url.startswith("sqlite")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@db",
        "postgresql://me:secret@db/",
        "postgresql://me:secret@:5432/router",
        "postgres://me:sec/ret@db:5432/router",
        "postgresql://me:secret@db:port/router",
        "postgresql://me:secret@db:70000/router",
        "postgresql+asyncpg://me:secret@db/router",
        "mysql://me:secret@db/router",
    ],
)
def test_url_that_names_no_database_is_refused_and_keeps_its_password(url):
    with pytest.raises(DatabaseUnsupported, match="ROUTER_DATABASE_URL must be") as refused:
        check_url(url)

    assert "sec" not in str(refused.value)


def test_missing_database_is_not_created_by_opening_it(tmp_path):
    for open_ in (open_to_read, open_to_write):
        with pytest.raises(StorageDown):
            open_(tmp_path / "none.db")

    assert not list(tmp_path.iterdir())


def test_reader_cannot_write(database):
    with closing(open_to_read(database)) as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM ledger")


def test_writer_commits_through_power_cuts_and_checks_references(database):
    with closing(open_to_write(database)) as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "foreign_keys")]

        assert pragmas == [2, 1]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
