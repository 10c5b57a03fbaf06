"""What the tests of the books of ingestion share: a vendor of vectors, the embedded model, a gateway's desk."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.local.supervise import LocalModels
from router.rows import LocalEndpoint
from tests.unit.router.desk import SMALL, Desk
from tests.vectors import VectorServer


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[VectorServer]:
    async with VectorServer() as server:
        yield server


@pytest.fixture(scope="module")
def local() -> Iterator[LocalEndpoint]:
    models = LocalModels(None, None, embeddings=True).start()
    yield LocalEndpoint(models.base_url, models.api_key, None, "use-multilingual-v3")
    models.stop()


@pytest.fixture
async def desk(tmp_path: Path, server: VectorServer) -> AsyncIterator[Desk]:
    async with Desk(tmp_path, SMALL | {"OPENAI_BASE_URL": server.base_url}) as desk:
        yield desk
