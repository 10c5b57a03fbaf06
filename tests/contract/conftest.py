"""What the contract tests of the databases share: one database at head, of either kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.heads import file_at_head
from tests.servers import PostgresServer


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


@pytest.fixture(scope="session")
def _shared_urls(_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    _postgres.start()
    path = file_at_head(tmp_path_factory.mktemp("shared") / "router.db")
    urls = {"sqlite": f"sqlite:///{path}", "postgresql": _postgres.at_head()}
    yield urls
    _postgres.start()
    _postgres.drop(urls["postgresql"])


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest, _shared_urls: dict[str, str]) -> str:
    """The URL of a database at head that tests share: each keeps to a project of its own."""
    if request.param == "postgresql":
        request.getfixturevalue("postgres")
    return _shared_urls[request.param]
