"""A folder with a book at head."""

from pathlib import Path

import pytest

from tests.heads import file_at_head


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file_at_head(tmp_path / "router.db")
    return tmp_path
