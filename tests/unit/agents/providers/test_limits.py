"""How long and how much an upstream may take."""

import asyncio
import resource
import time
import weakref

import pytest

from agents.errors import (
    ProviderDown,
    ProviderTimeout,
)
from agents.providers.openai import connect
from agents.providers.transport import Timeouts, Upstream
from metering.usage import Usage
from tests.faults.prompts import failure_of
from tests.faults.wire import bomb

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
COUNTED = Usage(input_uncached=11, output_visible=5)


@BOTH
@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("hang", "timeout_first_byte"),
        ("slow_head", "timeout_first_byte"),
        ("slow_body", "timeout_first_byte"),
        ("stall_mid", "timeout_idle"),
    ],
)
async def test_silence_ends_at_its_limit_and_leaves_no_connection(upstream, hasty, scenario, code, stream):
    began = time.monotonic()

    error, text = await failure_of(hasty, scenario, stream=stream)

    assert (type(error), error.code, error.accepted) == (ProviderTimeout, code, True)
    assert text == ("The café" if scenario == "stall_mid" and stream else "")
    assert 0.1 < time.monotonic() - began < 1
    await asyncio.wait_for(upstream.left.wait(), 1)
    assert upstream.open_connections == 0


async def test_an_endless_drip_ends_at_the_total_limit(upstream):
    chat = connect(Upstream("openai", upstream.base_url, None, Timeouts(first_byte=1, idle=1, total=0.3)))

    error, _ = await failure_of(chat, "drip", stream=True)

    assert (type(error), error.code) == (ProviderTimeout, "timeout_total")
    await chat.aclose()


@pytest.mark.parametrize(
    ("scenario", "stream"), [("gzip_bomb", False), ("gzip_bomb", True), ("giant_line", True), ("giant_body", False)]
)
async def test_giant_answers_are_refused_in_bounded_memory(provider, scenario, stream):
    bomb(256)  # made before the clock runs
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    error, _ = await failure_of(provider, scenario, stream=stream)

    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert type(error) is ProviderDown
    assert grown_mb < 100


# The collector looks rarely (GC_THRESHOLDS), so what is in a cycle stays for long.
@BOTH
@pytest.mark.usefixtures("collector_off")
@pytest.mark.parametrize("scenario", ["malformed_json", "deep", "truncated", "error_event", "slow_body", "giant_line"])
async def test_a_failure_is_gone_with_all_it_held_once_it_was_told(hasty, scenario, stream):
    error, _ = await failure_of(hasty, scenario, stream=stream)
    gone = weakref.ref(error)

    del error

    assert gone() is None
