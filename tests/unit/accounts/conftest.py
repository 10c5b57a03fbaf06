"""A database at head whose clock stands still, and its budgets."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.budgeting import Budgets
from storage.migrations import upgrade
from storage.sqlite import Sqlite
from tests.unit.accounts.book import Clocked

NOW = datetime(2026, 11, 22, 2, 5, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(tmp_path: Path) -> Clocked:
    path = tmp_path / "router.db"
    upgrade(f"sqlite:///{path}")
    return Clocked(Sqlite(path), NOW)


@pytest.fixture
def budgets(database: Clocked) -> Budgets:
    """Budgets whose changes are in force at once: nobody else is there who could go by what was before."""
    return Budgets(database, "Europe/Paris", noticed_s=0)
