"""A database at head, in a file and on a server, one whose clock stands still, and its budgets."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.budgets.budgets import Budgets
from storage.migrations import upgrade
from storage.postgres import Postgres
from storage.script import Database
from storage.sqlite import Sqlite
from tests.unit.accounts.book import Clocked

NOW = datetime(2026, 11, 22, 2, 5, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    path = tmp_path / "router.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def clocked(database_path: Path) -> Clocked:
    return Clocked(Sqlite(database_path), NOW)


@pytest.fixture
def budgets(clocked: Clocked) -> Budgets:
    """Budgets whose changes are in force at once: nobody else is there who could go by what was before."""
    return Budgets(clocked, "Europe/Paris", noticed_s=0)


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Either database, open."""
    if request.param == "sqlite":
        path = tmp_path / "either.db"
        upgrade(f"sqlite:///{path}")
        database: Database = Sqlite(path)
    else:
        url = request.getfixturevalue("postgres_url")
        upgrade(url)
        database = Postgres(url)
    yield database
    await database.aclose()
