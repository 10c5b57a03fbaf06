"""Rate limits counted in a real Valkey: the same to the nanosecond as everywhere, and what happens when it is down."""

import asyncio
import os
import signal
import time
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import RatesUnreachable
from accounts.limits.gcra import MINUTE_NS, Rate, give_back, owe, take
from accounts.limits.process_rates import ProcessRates
from accounts.limits.rates import FallingBack
from accounts.limits.valkey_rates import MOST_CONNECTIONS, PREFIX, TIMEOUT_S, ValkeyRates
from tests.servers import ValkeyServer

REQUESTS, TOKENS = "requests:key:a", "tokens:key:a"
limits = st.sampled_from([1, 7, 500, 999, 90_000, 999_999_999, 10**9]) | st.integers(1, 10**9)


@st.composite
def moments(draw):
    """What of each limit was taken before, in nanoseconds ahead of now, and what a request takes of it and returns."""
    found = []
    for counter in draw(st.lists(st.sampled_from([REQUESTS, TOKENS]), min_size=1, unique=True)):
        limit = draw(limits)
        cost = draw(st.sampled_from([0, 1, limit, limit + 1]) | st.integers(0, 2 * limit))
        ahead = draw(st.none() | st.integers(-2 * MINUTE_NS, 3 * MINUTE_NS) | st.integers(-1000, 1000))
        found.append((Rate(counter, limit, cost), ahead, draw(st.integers(1, limit))))
    return found


class Kept:
    """What Valkey keeps, read and written beside the code under test."""

    def __init__(self, rates: ValkeyRates) -> None:
        self._client = rates._client

    async def now_ns(self) -> int:
        seconds, microseconds = await self._client.time()
        return seconds * 10**9 + microseconds * 1000

    async def write(self, counter: str, tat: int) -> None:
        await self._client.set(PREFIX + counter, f"{tat // 10**9} {tat % 10**9}")

    async def read(self, counter: str) -> int | None:
        kept = await self._client.get(PREFIX + counter)
        if kept is None:
            return None
        seconds, nanoseconds = kept.split()
        assert 0 <= int(nanoseconds) < 10**9
        return int(seconds) * 10**9 + int(nanoseconds)

    async def milliseconds_left(self, counter: str) -> int:
        return await self._client.pttl(PREFIX + counter)

    async def clear(self) -> None:
        await self._client.flushall()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments())
def test_valkey_decides_to_the_nanosecond_as_everywhere_else(valkey_url, found):
    asyncio.run(decides_alike(valkey_url, found))


async def decides_alike(url, found):
    async with aclosing(ValkeyRates(url)) as rates:
        kept = Kept(rates)
        await kept.clear()
        began = await kept.now_ns()
        tats = {rate.counter: began + ahead for rate, ahead, _ in found if ahead is not None}
        for counter, tat in tats.items():
            await kept.write(counter, tat)
        asked = [rate for rate, _, _ in found]

        verdict, now_ns = await rates.take_at(asked)

        expected, changed = take(tats, asked, now_ns)
        assert verdict == expected
        for counter, tat in changed.items():
            assert await kept.read(counter) == (tat if tat > now_ns else None)
            if tat > now_ns:
                assert await kept.milliseconds_left(counter) * 10**6 >= tat - await kept.now_ns()
        if not changed:
            assert {rate.counter: await kept.read(rate.counter) for rate in asked if rate.counter in tats} == tats
        spare = [Rate(rate.counter, rate.per_minute, amount) for rate, _, amount in found]
        for rate, tat in [(rate, changed[rate.counter]) for rate in spare if rate.counter in changed]:
            await rates.give_back([rate])

            left = give_back(tat, rate.per_minute, rate.cost)
            read = await kept.read(rate.counter)
            assert read == left or (read is None and left <= await kept.now_ns())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments())
def test_valkey_charges_what_is_owed_to_the_nanosecond_as_everywhere_else(valkey_url, found):
    asyncio.run(charges_alike(valkey_url, found))


async def charges_alike(url, found):
    async with aclosing(ValkeyRates(url)) as rates:
        kept = Kept(rates)
        await kept.clear()
        now_ns = await kept.now_ns()
        tats = {rate.counter: now_ns + ahead for rate, ahead, _ in found if ahead is not None}
        for counter, tat in tats.items():
            await kept.write(counter, tat)

        await rates.owe([rate for rate, _, _ in found])

        latest = await kept.now_ns()
        for rate, _, _ in found:
            # The script ran at some moment between the two: what is owed lies between what both would have made.
            owed = await kept.read(rate.counter)
            least, most = (owe(tats.get(rate.counter, 0), rate, moment) for moment in (now_ns, latest))
            assert owed is None or min(least, most) <= owed <= max(least, most)
            assert owed is not None or least <= latest


@pytest.mark.anyio
async def test_what_is_owed_is_charged_to_the_process_while_valkey_is_dead(valkey: ValkeyServer):
    async with aclosing(FallingBack(ValkeyRates(valkey.url), ProcessRates())) as rates:
        valkey.stop(signal.SIGKILL)

        await rates.owe([Rate(TOKENS, 100, 40)])

        assert (await rates.take([Rate(TOKENS, 100, 61)])).refused is not None
        assert (await rates.take([Rate(TOKENS, 100, 60)])).refused is None


@pytest.mark.anyio
async def test_a_lost_script_is_sent_again(valkey_url):
    async with aclosing(ValkeyRates(valkey_url)) as rates:
        await rates.take([Rate(REQUESTS, 2, 1)])
        await rates._client.script_flush()

        verdict = await rates.take([Rate(REQUESTS, 2, 1)])

        assert verdict.levels[0].remaining == 0


@pytest.mark.anyio
async def test_without_limits_nobody_is_asked():
    async with aclosing(ValkeyRates("valkey://127.0.0.1:1")) as rates:
        assert (await rates.take([])).levels == ()


@pytest.mark.anyio
async def test_many_at_once_share_few_connections_and_the_limit(valkey_url):
    async with aclosing(ValkeyRates(valkey_url)) as rates:
        verdicts = [await asyncio.gather(*[rates.take([Rate(REQUESTS, 70, 1)]) for _ in range(40)]) for _ in range(3)]

        passed = sum(verdict.refused is None for round_ in verdicts for verdict in round_)
        assert passed == 70


@pytest.mark.anyio
async def test_a_dead_valkey_says_so_at_once(valkey: ValkeyServer):
    valkey.stop(signal.SIGKILL)
    async with aclosing(ValkeyRates(valkey.url)) as rates:
        with pytest.raises(RatesUnreachable):
            await rates.take([Rate(REQUESTS, 1, 1)])

        assert not rates.healthy


@pytest.mark.anyio
async def test_an_answer_that_is_there_counts_however_long_this_process_was_held_up(valkey_url):
    async with aclosing(ValkeyRates(valkey_url)) as rates:
        await rates.take([Rate(REQUESTS, 100, 1)])
        asking = asyncio.create_task(rates.take([Rate(REQUESTS, 100, 1)]))
        await asyncio.sleep(0)

        hold_up_until = time.monotonic() + 2 * TIMEOUT_S
        while time.monotonic() < hold_up_until:
            pass

        assert (await asking).levels[0].remaining == 98


@pytest.mark.anyio
async def test_the_process_takes_over_while_valkey_is_dead_and_gives_up_when_it_is_back(valkey: ValkeyServer):
    async with aclosing(FallingBack(ValkeyRates(valkey.url), ProcessRates())) as rates:
        asked = [Rate(REQUESTS, 2, 1)]
        assert (await rates.take(asked)).levels[0].remaining == 1
        assert rates.healthy

        valkey.stop(signal.SIGKILL)
        during = [await rates.take(asked) for _ in range(3)]

        assert [verdict.refused is None for verdict in during] == [True, True, False]
        assert not rates.healthy
        valkey.start()
        until = time.monotonic() + 10
        while not rates.healthy:
            assert time.monotonic() < until
            verdict = await rates.take(asked)
        assert verdict.refused is None
        assert verdict.levels[0].remaining == 1  # Valkey came back with nothing in it


@pytest.mark.anyio
async def test_a_valkey_that_hangs_holds_up_one_request_a_second_and_no_longer_than_its_time(valkey: ValkeyServer):
    async with aclosing(FallingBack(ValkeyRates(valkey.url), ProcessRates())) as rates:
        await rates.take([Rate(REQUESTS, 1000, 1)])
        os.kill(valkey._process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            await rates.take([Rate(REQUESTS, 1000, 1)])
            first = time.monotonic() - began
            for _ in range(100):
                assert (await rates.take([Rate(REQUESTS, 1000, 1)])).refused is None
            rest = time.monotonic() - began - first
        finally:
            os.kill(valkey._process.pid, signal.SIGCONT)

        assert TIMEOUT_S <= first < 2 * TIMEOUT_S
        assert rest < TIMEOUT_S


class Counting(ValkeyRates):
    """Counts how often Valkey is asked."""

    asked = 0

    async def _ask(self, script, keys, words):
        self.asked += 1
        return await super()._ask(script, keys, words)


@pytest.mark.anyio
async def test_of_many_at_once_nobody_waits_for_a_hanging_valkey_twice(valkey: ValkeyServer):
    first = Counting(valkey.url)
    async with aclosing(FallingBack(first, ProcessRates())) as rates:
        await rates.take([Rate(REQUESTS, 1000, 1)])
        os.kill(valkey._process.pid, signal.SIGSTOP)
        try:
            verdicts = await asyncio.gather(*[rates.take([Rate(REQUESTS, 1000, 1)]) for _ in range(200)])
        finally:
            os.kill(valkey._process.pid, signal.SIGCONT)

        assert all(verdict.refused is None for verdict in verdicts)
        # One before, then as many as may ask at once: whoever waited for a turn behind them was not made to wait again.
        assert first.asked == 1 + MOST_CONNECTIONS


@pytest.mark.anyio
async def test_a_crowd_that_waits_for_its_turn_is_no_outage(valkey_url):
    async with aclosing(ValkeyRates(valkey_url)) as rates:
        verdicts = await asyncio.gather(*[rates.take([Rate(REQUESTS, 1000, 1)]) for _ in range(3000)])

        assert 1000 <= sum(verdict.refused is None for verdict in verdicts) <= 1100
        assert rates.healthy


@pytest.mark.anyio
async def test_what_was_not_used_is_given_back_to_the_process_too():
    rates = ProcessRates()
    await rates.take([Rate(TOKENS, 100, 100)])

    await rates.give_back([Rate(TOKENS, 100, 60)])

    assert (await rates.take([Rate(TOKENS, 100, 61)])).refused is not None
    assert (await rates.take([Rate(TOKENS, 100, 60)])).refused is None


@pytest.mark.anyio
async def test_a_process_forgets_limits_that_are_whole_again():
    now = [10**18]
    rates = ProcessRates(lambda: now[0])
    for caller in range(10_001):
        await rates.take([Rate(f"requests:key:{caller}", 60, 1)])
        now[0] += 10**6

    assert len(rates._tats) < 5_001
    assert f"requests:key:{10_000}" in rates._tats
