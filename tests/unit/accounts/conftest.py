"""A database at head, in a file and on a server, one whose clock stands still, and its budgets."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.budgets.budgets import Budgets
from storage.postgres import Postgres
from storage.script import Database
from storage.sqlite import Sqlite
from tests.heads import file_at_head
from tests.unit.accounts.book import Clocked

NOW = datetime(2026, 11, 22, 2, 5, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    return file_at_head(tmp_path / "router.db")


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
        database: Database = Sqlite(file_at_head(tmp_path / "either.db"))
    else:
        database = Postgres(request.getfixturevalue("postgres_url_at_head"))
    yield database
    await database.aclose()
