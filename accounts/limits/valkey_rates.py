"""The counters of the rate limits in Valkey: one script a decision, on the server's clock."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from valkey.asyncio import ConnectionPool, Valkey
from valkey.exceptions import NoScriptError, ValkeyError

from accounts.errors import RatesUnreachable
from accounts.limits.gcra import CLOCK_SET_BACK_NS, Rate, Verdict, charge, decided, step_ns

TIMEOUT_S = 0.25
GRACE_S = 0.05
MOST_CONNECTIONS = 32
# In braces: a cluster keeps all counters of a request on one node.
PREFIX = "{rates}:"

# An arrival time is kept as seconds and nanoseconds of the epoch, apart: Lua's numbers are exact up to 2^53 only. What
# is computed with, the difference to now, is at most 61 seconds and exact. The differences of times long past are not,
# and need not be.
_CLOCK = f"""
local time = redis.call('TIME')
local seconds, nanoseconds = tonumber(time[1]), tonumber(time[2]) * 1000
local function ahead_of(kept)
    if not kept then return 0 end
    local s, ns = string.match(kept, '^(%d+) (%d+)$')
    local ahead = (tonumber(s) - seconds) * 1e9 + (tonumber(ns) - nanoseconds)
    if ahead <= 0 or ahead >= {CLOCK_SET_BACK_NS} then return 0 end
    return ahead
end
local function keep(key, ahead)
    if ahead <= 0 then redis.call('DEL', key) return end
    local ns = nanoseconds + ahead
    local s = math.floor(ns / 1e9)
    local kept = string.format('%.0f %.0f', seconds + s, ns - s * 1e9)
    redis.call('SET', key, kept, 'PX', string.format('%.0f', math.ceil(ahead / 1e6) + 1000))
end
"""

# For each key: the nanoseconds of one, of all, and of the request. Answers the time, then for each key what was taken
# before and by how much the request exceeds it.
TAKE = (
    _CLOCK
    + """
local answer, taken, passes = {time[1], time[2]}, redis.call('MGET', unpack(KEYS)), true
for i = 1, #KEYS do
    local full, cost = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local ahead = math.min(ahead_of(taken[i]), full)
    local wait = ahead + cost - full
    answer[2 * i + 1], answer[2 * i + 2] = ahead, wait
    if wait > 0 then passes = false end
end
if passes then
    for i, key in ipairs(KEYS) do keep(key, answer[2 * i + 1] + tonumber(ARGV[2 * i])) end
end
return answer
"""
)

# For each key: the nanoseconds to give back.
GIVE_BACK = (
    _CLOCK
    + """
for i, key in ipairs(KEYS) do
    local kept = redis.call('GET', key)
    if kept then keep(key, ahead_of(kept) - tonumber(ARGV[i])) end
end
"""
)

# For each key: the nanoseconds of all, and those that are owed.
OWE = (
    _CLOCK
    + """
for i, key in ipairs(KEYS) do
    local full, cost = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    keep(key, math.min(math.min(ahead_of(redis.call('GET', key)), full) + cost, full))
end
"""
)


class ValkeyRates:
    """Counts in one Valkey for all processes, by the same rule as `gcra.take`; counters that are full again expire."""

    def __init__(self, url: str) -> None:
        # The client's types leave parts open; only the names used here are relied upon.
        pool = ConnectionPool.from_url(_plain(url), max_connections=MOST_CONNECTIONS)  # pyright: ignore[reportUnknownMemberType]
        self._client = Valkey.from_pool(pool)
        self._command: Callable[..., Awaitable[Any]] = self._client.execute_command  # pyright: ignore[reportUnknownMemberType] - as above
        self._turns = asyncio.Semaphore(MOST_CONNECTIONS)
        self._healthy = True
        self._failures = 0

    @property
    def healthy(self) -> bool:
        """Whether the last call was answered."""
        return self._healthy

    async def take(self, rates: Sequence[Rate]) -> Verdict:
        """Take the cost of each rate, or nothing when one refuses.

        Raises:
            RatesUnreachable: Valkey did not answer in time, or not as it should.

        """
        verdict, _ = await self.take_at(rates)
        return verdict

    async def take_at(self, rates: Sequence[Rate]) -> tuple[Verdict, int]:
        """Do as `take`, and return the server's time in nanoseconds of the epoch as well.

        Raises:
            RatesUnreachable: As `take`.

        """
        answer = [int(part) for part in await self._run(TAKE, [rate.counter for rate in rates], _sizes(rates))]
        now_ns = answer[0] * 1_000_000_000 + answer[1] * 1000
        return decided(rates, answer[2::2], answer[3::2]), now_ns

    async def give_back(self, rates: Sequence[Rate]) -> None:
        """Give back the cost of each rate.

        Raises:
            RatesUnreachable: As `take`.

        """
        sizes = [step_ns(rate.per_minute) * charge(rate) for rate in rates]
        await self._run(GIVE_BACK, [rate.counter for rate in rates], sizes)

    async def owe(self, rates: Sequence[Rate]) -> None:
        """Charge the cost of each rate, which is used already.

        Raises:
            RatesUnreachable: As `take`.

        """
        await self._run(OWE, [rate.counter for rate in rates], _sizes(rates))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose(close_connection_pool=True)

    async def _run(self, script: str, counters: Sequence[str], values: Sequence[int]) -> list[Any]:
        if not counters:
            return [0, 0]
        words = [*[PREFIX + counter for counter in counters], *values]
        failures = self._failures
        # Waiting for one's turn is no fault of Valkey; but when it fails meanwhile, nobody need find out again.
        async with self._turns:
            if failures != self._failures:
                raise RatesUnreachable("not asked")
            return await self._ask(script, len(counters), words)

    async def _ask(self, script: str, keys: int, words: Sequence[str | int]) -> list[Any]:
        try:
            async with _limited():
                answer = await self._evaluate(script, keys, words)
        except (ValkeyError, OSError, TimeoutError) as cause:
            self._healthy = False
            self._failures += 1
            raise RatesUnreachable(type(cause).__name__) from cause
        self._healthy = True
        return answer

    async def _evaluate(self, script: str, keys: int, words: Sequence[str | int]) -> Any:  # noqa: ANN401 - as the client
        digest = _DIGESTS[script]
        try:
            return await self._command("EVALSHA", digest, keys, *words)
        except NoScriptError:
            return await self._command("EVAL", script, keys, *words)


@asynccontextmanager
async def _limited() -> AsyncGenerator[None]:
    """Give up after `TIMEOUT_S`, and `GRACE_S` in which what is there by then is read.

    A process that was held up itself finds its timer and the answer at the same moment, and the answer counts: limits
    would not be shared for a second else.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(TIMEOUT_S, lambda: limit.reschedule(loop.time() + GRACE_S))
        try:
            yield
        finally:
            timer.cancel()


# SHA-1 is how Valkey names scripts.
_DIGESTS = {
    script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (TAKE, GIVE_BACK, OWE)
}


def _sizes(rates: Sequence[Rate]) -> list[int]:
    """Return the nanoseconds of all of each limit, and of the cost."""
    sizes: list[int] = []
    for rate in rates:
        step = step_ns(rate.per_minute)
        sizes += (step * rate.per_minute, step * charge(rate))
    return sizes


def _plain(url: str) -> str:
    """Return the address under the schemes that the client knows."""
    return url.replace("redis", "valkey", 1) if url.startswith("redis") else url
