"""The schema on both databases: made once by whoever comes first, whole or not at all, never of a newer version."""

import subprocess
import sys

import pytest
from sqlalchemy import create_engine, inspect

from storage.errors import SchemaNewer, StorageDown
from storage.migrations import HEAD, revision_of, upgrade
from tests.contract.databases import asking, opened

_UPGRADE = "import sys; sys.stdin.readline(); from storage.migrations import upgrade; upgrade(sys.argv[1])"
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"

anyio = pytest.mark.anyio


def test_database_is_made_from_nothing_and_left_alone_afterwards(empty_url):
    assert revision_of(empty_url) is None

    upgrade(empty_url)
    upgrade(empty_url)

    assert revision_of(empty_url) == HEAD


@anyio
async def test_upgrade_may_be_called_inside_an_event_loop(empty_url):
    upgrade(empty_url)

    async with opened(empty_url) as database:
        assert await database.read(asking("SELECT id FROM projects")) == [("proj-default",)]


def test_four_processes_that_start_at_once_make_one_database(empty_url):
    starts = [
        subprocess.Popen([sys.executable, "-c", _UPGRADE, empty_url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for start in starts:
        assert start.stdin
        start.stdin.write(b"\n")
        start.stdin.flush()

    errors = [start.communicate()[1] for start in starts]

    assert errors == [b""] * 4
    assert revision_of(empty_url) == HEAD


def test_migration_that_fails_half_way_leaves_nothing_behind(postgres, postgres_url):
    postgres.psql("CREATE TABLE usage_hours (stands TEXT)", postgres_url)

    with pytest.raises(StorageDown, match="usage_hours"):
        upgrade(postgres_url)

    assert postgres.psql(_TABLES, postgres_url) == ["usage_hours"]
    assert revision_of(postgres_url) is None


@anyio
async def test_database_of_a_newer_version_is_refused(url):
    async with opened(url) as database:
        await database.write(asking("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaNewer, match="9999"):
        upgrade(url)

    assert revision_of(url) == "9999"


def test_server_that_is_away_is_told_without_the_password(postgres, postgres_url):
    postgres.stop()

    for ask in (upgrade, revision_of):
        with pytest.raises(StorageDown) as told:
            ask(postgres_url)
        assert "password-of-the-tests" not in str(told.value)


def test_wrong_password_is_told_without_it(postgres_url):
    with pytest.raises(StorageDown, match="authentication") as told:
        upgrade(postgres_url.replace("password-of-the-tests", "secret"))

    assert "secret" not in str(told.value)


def test_both_databases_have_the_same_tables_with_the_same_columns(postgres, postgres_url, tmp_path):
    file = f"sqlite:///{tmp_path}/router.db"
    upgrade(file)
    upgrade(postgres_url)
    engine = create_engine(file)
    inspector = inspect(engine)
    here = sorted(
        f"{table}|{column['name']}|{_KINDS[str(column['type'])]}|{'YES' if column['nullable'] else 'NO'}"
        for table in inspector.get_table_names()
        # What FTS5 keeps its words in; PostgreSQL has an index on the passages for that.
        if table != "alembic_version" and not table.startswith("passage_words")
        for column in inspector.get_columns(table)
    )

    engine.dispose()
    there = postgres.psql(
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
        postgres_url,
    )

    assert sorted(there) == here


_KINDS = {"TEXT": "text", "INTEGER": "bigint", "REAL": "double precision", "BLOB": "bytea"}
