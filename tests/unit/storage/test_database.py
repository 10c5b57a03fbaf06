"""The database file: which URL names it, and what a reader may do."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import open_to_read, open_to_write, sqlite_path
from storage.errors import DatabaseUnsupported, StorageDown


def test_url_names_a_relative_or_an_absolute_file():
    assert sqlite_path("sqlite:///data/router.db") == Path("data/router.db")
    assert sqlite_path("sqlite:////var/lib/router.db") == Path("/var/lib/router.db")


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@db/router", "postgres:secret", "sqlite://", "sqlite:///:memory:", "sqlite:///a?b", ""],
)
def test_other_url_is_refused_by_the_setting_s_name_and_keeps_its_password(url):
    with pytest.raises(DatabaseUnsupported, match="ROUTER_DATABASE_URL") as refused:
        sqlite_path(url)

    assert "secret" not in str(refused.value)


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
