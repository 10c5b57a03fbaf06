"""What the tests of providers share."""

import pytest

from agents.providers.openai import connect
from agents.providers.transport import Upstream
from tests.faults.prompts import QUICK
from tests.faults.upstream import FaultyUpstream


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def upstream():
    async with FaultyUpstream() as server:
        yield server


@pytest.fixture
async def provider(upstream):
    chat = connect(Upstream("openai", upstream.base_url, "sk-ours", QUICK))
    yield chat
    await chat.aclose()
