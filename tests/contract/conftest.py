"""What the contract tests of the databases share: one database at head, of either kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.migrations import upgrade


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/router.db"
    else:
        yield request.getfixturevalue("postgres_url")


@pytest.fixture
def url(empty_url: str) -> str:
    """The URL of a database at head."""
    upgrade(empty_url)
    return empty_url
