"""The rate limiting algorithm against a slow model in exact fractions."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from accounts.limits.gcra import MINUTE_NS, Rate, give_back, owe, step_ns, take
from accounts.limits.spare import excess, spare, taken
from metering.held import Held

NOW = 1_800_000_000_000_000_000


class Buckets:
    """What is still there of each limit, kept as fractions of a request or token."""

    def __init__(self, limits: dict[str, int]) -> None:
        self._limits = limits
        self._there = {name: Fraction(limit) for name, limit in limits.items()}
        self._now = 0

    def take(self, costs: dict[str, int], now_ns: int) -> bool:
        for name, limit in self._limits.items():
            back = Fraction(now_ns - self._now, step_ns(limit))
            self._there[name] = min(self._there[name] + back, Fraction(limit))
        self._now = now_ns
        wanted = {name: min(cost, self._limits[name]) for name, cost in costs.items()}
        if any(wanted[name] > self._there[name] for name in wanted):
            return False
        for name, cost in wanted.items():
            self._there[name] -= cost
        return True

    def owe(self, name: str, used: int) -> None:
        self._there[name] = max(Fraction(0), self._there[name] - used)

    def there(self, name: str) -> int:
        return int(self._there[name])


limits = st.sampled_from([1, 2, 3, 7, 60, 500, 999, 90_000, 1_000_000, 999_999_999, 10**9]) | st.integers(1, 10**9)
gaps = st.sampled_from([0, 0, 1, 59, 60, 10**6, 120_000_000, MINUTE_NS - 1, MINUTE_NS]) | st.integers(0, 2 * MINUTE_NS)


@st.composite
def storms(draw):
    """Limits, and requests: the nanoseconds since the one before, and a cost for some of the limits."""
    per_minute = draw(st.dictionaries(st.sampled_from(["requests:key:a", "tokens:key:a"]), limits, min_size=1))
    request = st.fixed_dictionaries({}, optional={name: costs(limit) for name, limit in per_minute.items()})
    return per_minute, draw(st.lists(st.tuples(gaps, request), max_size=40))


def costs(limit):
    return st.sampled_from([0, 1, limit // 2, limit, limit + 1, 10**10]) | st.integers(0, 2 * limit)


@given(storms())
def test_passes_and_counts_exactly_as_a_bucket_of_fractions(storm):
    per_minute, requests = storm
    model, tats, now = Buckets(per_minute), {}, 0
    for gap, wanted in requests:
        now += gap
        rates = [Rate(name, per_minute[name], cost) for name, cost in wanted.items()]

        verdict, changed = take(tats, rates, NOW + now)
        tats |= changed

        assert (verdict.refused is None) == model.take(wanted, now)
        assert [level.remaining for level in verdict.levels] == [model.there(name) for name in wanted]


@given(storms())
def test_a_refused_request_passes_after_its_wait_and_not_a_nanosecond_before(storm):
    per_minute, requests = storm
    tats, now = {}, NOW
    for gap, wanted in requests:
        now += gap
        rates = [Rate(name, per_minute[name], cost) for name, cost in wanted.items()]
        verdict, changed = take(tats, rates, now)
        if verdict.refused:
            wait = verdict.refused.retry_after_ns

            assert changed == {}
            assert take(tats, rates, now + wait)[0].refused is None
            assert take(tats, rates, now + wait - 1)[0].refused is not None
        tats |= changed


@given(storms())
def test_a_limit_is_whole_again_when_it_says_and_not_before(storm):
    per_minute, requests = storm
    tats, now = {}, NOW
    for gap, wanted in requests:
        now += gap
        verdict, changed = take(tats, [Rate(name, per_minute[name], cost) for name, cost in wanted.items()], now)
        tats |= changed
        for level in verdict.levels:
            whole = [Rate(level.rate.counter, level.rate.per_minute, level.rate.per_minute)]

            assert take(tats, whole, now + level.reset_ns)[0].refused is None
            assert not level.reset_ns or take(tats, whole, now + level.reset_ns - 1)[0].refused is not None


@given(st.integers(1, 300))
def test_a_full_limit_passes_at_once_then_one_a_step(limit):
    rates, tats, passed = [Rate("requests:key:a", limit, 1)], {}, 0
    for _ in range(limit + 5):
        verdict, changed = take(tats, rates, NOW)
        tats |= changed
        passed += verdict.refused is None

    assert passed == limit
    assert take(tats, rates, NOW + step_ns(limit))[0].refused is None
    assert take(tats, rates, NOW + step_ns(limit) - 1)[0].refused is not None


@given(limits, st.integers(0, 10**10), st.integers(0, 10**10), st.integers(0, 3 * MINUTE_NS), limits)
def test_giving_back_never_lets_more_pass_than_if_less_had_been_taken(limit, reserved, used, elapsed, other):
    used = min(used, reserved)
    verdict, tats = take({}, [Rate("tokens:key:a", limit, reserved)], NOW)
    _, less = take({}, [Rate("tokens:key:a", limit, used)], NOW)
    held = Held({}, taken(verdict, NOW))
    later = NOW + elapsed
    meanwhile = [Rate("tokens:key:a", limit, min(other, limit))]
    decision, after = take(tats, meanwhile, later)
    tats |= after
    if decision.refused is None:
        less |= take(less, meanwhile, later)[1]

    for rate in spare(held, used, later):
        tats["tokens:key:a"] = give_back(tats["tokens:key:a"], rate.per_minute, rate.cost)

    assert max(tats["tokens:key:a"], later) >= max(less["tokens:key:a"], later)


@given(limits, st.integers(0, 10**10), st.integers(0, 10**10), st.lists(gaps, min_size=1, max_size=4))
def test_what_was_used_beyond_what_was_taken_is_charged_and_comes_back_within_a_minute(limit, reserved, more, elapsed):
    name, later = "tokens:key:a", NOW
    verdict, tats = take({}, [Rate(name, limit, reserved)], NOW)
    held = Held({}, taken(verdict, NOW))
    model = Buckets({name: limit})
    model.take({name: reserved}, 0)
    for gap in elapsed:
        later += gap
        model.take({name: 0}, later - NOW)
        used = min(reserved, limit) + more

        for rate in excess(held, used):
            tats[name] = owe(tats[name], rate, later)
        model.owe(name, more)

        assert spare(held, used, later) == ()
        assert take(tats, [Rate(name, limit, 0)], later)[0].levels[0].remaining == model.there(name)
        assert take(tats, [Rate(name, limit, limit)], later + step_ns(limit) * limit)[0].refused is None


def test_what_was_not_used_is_there_again_at_once():
    verdict, tats = take({}, [Rate("requests:key:a", 10, 1), Rate("tokens:key:a", 1000, 900)], NOW)

    rates = spare(Held({}, taken(verdict, NOW)), 100, NOW)

    assert rates == (Rate("tokens:key:a", 1000, 800),)
    tats["tokens:key:a"] = give_back(tats["tokens:key:a"], 1000, 800)
    verdict, _ = take(tats, [Rate("tokens:key:a", 1000, 900)], NOW)
    assert verdict.refused is None
    assert verdict.levels[0].remaining == 0


def test_a_clock_that_was_set_back_locks_nobody_out_for_long():
    hour = 3_600_000_000_000
    for back in (MINUTE_NS // 2, MINUTE_NS, 3 * MINUTE_NS, hour):
        tats = {"requests:key:a": NOW + back}

        verdict, _ = take(tats, [Rate("requests:key:a", 60, 1)], NOW + 2 * MINUTE_NS + step_ns(60))

        assert verdict.refused is None
