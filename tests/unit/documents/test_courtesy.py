"""Work behind the requests rests while there are any, and never where there are none."""

import asyncio
from time import monotonic

import pytest

from documents.courtesy import NOBODY, Courtesy

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_whoever_works_where_nobody_asks_does_not_rest() -> None:
    async with asyncio.timeout(1):
        await NOBODY.rest_after(3600)


async def test_a_request_since_the_last_look_makes_it_rest_in_proportion() -> None:
    requests = iter(range(10))
    courtesy = Courtesy(lambda: next(requests), rests=3)

    began = monotonic()
    await courtesy.rest_after(0.05)

    assert monotonic() - began >= 0.15


async def test_requests_of_before_are_nobodys_now() -> None:
    courtesy = Courtesy(lambda: 1000)

    assert not courtesy.wanted
