"""How fast one may call: the generic cell rate algorithm, exact in whole nanoseconds, on no clock of its own."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

MINUTE_NS = 60_000_000_000
CLOCK_SET_BACK_NS = 2 * MINUTE_NS  # a limit comes back within 61 seconds, whatever its rounding
TOKENS = "tokens:"  # counters of tokens begin so; the others count requests


class Rate(Struct, frozen=True):
    """What one request takes of one limit: `cost` of `per_minute`, requests or tokens as the counter's name says."""

    counter: str
    per_minute: int
    cost: int


class Level(Struct, frozen=True):
    """How one limit stands after a decision.

    Attributes:
        rate: The limit, and what was asked of it.
        remaining: What would still pass now.
        reset_ns: Nanoseconds until the whole of it is there again.
        retry_after_ns: Nanoseconds until `rate.cost` passes, 0 where this limit does not refuse it.

    """

    rate: Rate
    remaining: int
    reset_ns: int
    retry_after_ns: int


class Verdict(Struct, frozen=True):
    """The levels of all limits of a request, and the one that refuses it for the longest time, if any does."""

    levels: tuple[Level, ...]
    refused: Level | None


OPEN = Verdict((), None)


def step_ns(per_minute: int) -> int:
    """Return the nanoseconds in which one request or token comes back, rounded up: never more than the limit."""
    return -(-MINUTE_NS // per_minute)


def charge(rate: Rate) -> int:
    """Return what the request takes in fact: a cost above the limit counts as the limit, or it could never pass."""
    return min(rate.cost, rate.per_minute)


def take(tats: Mapping[str, int], rates: Sequence[Rate], now_ns: int) -> tuple[Verdict, dict[str, int]]:
    """Decide on a request: it takes its cost of every limit, or of none.

    A full limit passes `per_minute` at once, then one every `step_ns`. An arrival time that no clock running forward
    could have made counts as none.

    Args:
        tats: The theoretical arrival time of each counter, in nanoseconds of the epoch; none for one never used.
        rates: What the request takes of each limit, `per_minute` at least 1, no counter twice.
        now_ns: Nanoseconds of the epoch, of the clock that made `tats`.

    Returns:
        The verdict, and the new arrival times: of every counter, or of none when the request is refused.

    Source: ITU-T I.371, Traffic control and congestion control in B-ISDN, annex A (virtual scheduling).

    """
    taken: list[int] = []
    waits: list[int] = []
    for rate in rates:
        step = step_ns(rate.per_minute)
        full = step * rate.per_minute
        ahead = _ahead(tats.get(rate.counter, 0), full, now_ns)
        taken.append(ahead)
        waits.append(ahead + step * charge(rate) - full)
    verdict = decided(rates, taken, waits)
    if verdict.refused is not None:
        return verdict, {}
    return verdict, {level.rate.counter: now_ns + level.reset_ns for level in verdict.levels}


def _ahead(tat_ns: int, full: int, now_ns: int) -> int:
    """Return how much of a limit is taken, in nanoseconds."""
    ahead = tat_ns - now_ns
    if not 0 < ahead < CLOCK_SET_BACK_NS:
        return 0
    return min(ahead, full)  # the limit was changed, and rounds to a little less now


def decided(rates: Sequence[Rate], taken: Sequence[int], waits: Sequence[int]) -> Verdict:
    """Return the verdict on a request.

    Args:
        rates: What it takes of each limit.
        taken: What was taken of each before, in nanoseconds.
        waits: By how much the request exceeds each limit, in nanoseconds; at most 0 where it does not.

    """
    longest = max(waits, default=0)
    levels: list[Level] = []
    for rate, before, wait in zip(rates, taken, waits, strict=True):
        step = step_ns(rate.per_minute)
        after = before if longest > 0 else before + step * charge(rate)
        levels.append(Level(rate, rate.per_minute - -(-after // step), after, max(0, wait)))
    return Verdict(tuple(levels), levels[waits.index(longest)] if longest > 0 else None)


def give_back(tat_ns: int, rate_per_minute: int, unused: int) -> int:
    """Return the arrival time of a counter as if `unused` of what was taken of it had not been.

    What came back by itself in the meantime is not to be given back again.
    """
    return tat_ns - step_ns(rate_per_minute) * min(unused, rate_per_minute)


def owe(tat_ns: int, rate: Rate, now_ns: int) -> int:
    """Return the arrival time of a counter once `rate.cost` was used of it beyond what was taken.

    Nobody is asked whether it passes: it is used. A limit is at most empty by that, so that all of it is there again a
    minute later however much was used.
    """
    step = step_ns(rate.per_minute)
    full = step * rate.per_minute
    return now_ns + min(_ahead(tat_ns, full, now_ns) + step * charge(rate), full)
