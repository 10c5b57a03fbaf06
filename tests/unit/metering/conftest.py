"""A folder with a book at head."""

from pathlib import Path

import pytest

from storage.migrations import upgrade


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    upgrade(f"sqlite:///{tmp_path}/router.db")
    return tmp_path
