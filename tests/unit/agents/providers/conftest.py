"""What the tests of providers share."""

import gc

import pytest

from agents.providers.openai import connect
from agents.providers.transport import Upstream
from tests.faults.prompts import HASTY, PATIENT
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
    chat = connect(Upstream("openai", upstream.base_url, "sk-ours", PATIENT))
    yield chat
    await chat.aclose()


@pytest.fixture
async def hasty(upstream):
    """A provider whose limits are a fraction of a second."""
    chat = connect(Upstream("openai", upstream.base_url, "sk-ours", HASTY))
    yield chat
    await chat.aclose()


@pytest.fixture
def collector_off():
    gc.disable()
    yield
    gc.enable()
