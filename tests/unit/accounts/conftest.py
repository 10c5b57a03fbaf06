"""A database at head."""

from pathlib import Path

import pytest

from storage.migrations import upgrade


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    path = tmp_path / "router.db"
    upgrade(f"sqlite:///{path}")
    return path
