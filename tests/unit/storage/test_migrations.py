"""The schema: made once by whoever comes first, left alone afterwards, never half-way."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from storage import migrations
from storage.errors import SchemaNewer, StorageDown
from storage.migrations import HEAD, upgrade

_UPGRADE = "import sys; sys.stdin.readline(); from storage.migrations import upgrade; upgrade(sys.argv[1])"


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_database_is_made_from_nothing_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "new" / "router.db"

    upgrade(f"sqlite:///{path}")

    assert tables(path) >= {"alembic_version", "ledger", "ledger_calls", "keys", "budgets"}
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_start_at_head_changes_nothing_and_imports_no_migration_library(database):
    before = database.read_bytes()
    code = f"{_UPGRADE.partition(';')[0]}; from storage.migrations import upgrade; upgrade(sys.argv[1])"
    code += "; sys.exit('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code, f"sqlite:///{database}"], check=False)

    assert done.returncode == 0
    assert database.read_bytes() == before


def test_four_processes_that_start_at_once_make_one_database(tmp_path):
    url = f"sqlite:///{tmp_path}/router.db"
    starts = [
        subprocess.Popen([sys.executable, "-c", _UPGRADE, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for start in starts:
        assert start.stdin
        start.stdin.write(b"\n")
        start.stdin.flush()

    errors = [start.communicate()[1] for start in starts]

    assert errors == [b""] * 4
    assert "ledger" in tables(tmp_path / "router.db")


def test_restored_copy_that_lost_its_log_gets_it_back(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")

    upgrade(f"sqlite:///{database}")

    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_database_of_a_newer_version_is_refused(database):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaNewer, match="9999"):
        upgrade(f"sqlite:///{database}")


def test_migration_that_fails_half_way_leaves_nothing_behind(tmp_path):
    path = tmp_path / "router.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ledger_calls (stands, in_the_way)")

    with pytest.raises(StorageDown, match="ledger_calls"):
        upgrade(f"sqlite:///{path}")

    assert tables(path) == {"ledger_calls"}


def test_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "router.db"
    path.write_text("a text that is long enough to be taken for the header of a database " * 20)

    with pytest.raises(StorageDown, match="not a database"):
        upgrade(f"sqlite:///{path}")


def test_head_is_the_last_migration_there_is():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]
