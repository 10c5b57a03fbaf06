"""What the contract tests of the databases share: one database at head, of either kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.heads import file_at_head


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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database at head."""
    if request.param == "sqlite":
        yield f"sqlite:///{file_at_head(tmp_path / 'router.db')}"
    else:
        yield request.getfixturevalue("postgres_url_at_head")
