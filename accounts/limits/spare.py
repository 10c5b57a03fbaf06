"""Tokens of a limit that a request was charged and did not use, or used and was not charged."""

from accounts.limits.gcra import TOKENS, Rate, Verdict, step_ns
from metering.held import Held, Taken


def taken(verdict: Verdict, now_ns: int) -> tuple[Taken, ...]:
    """Return what the limits of tokens were charged by a verdict of this moment."""
    return tuple(
        Taken(
            level.rate.counter,
            level.rate.per_minute,
            min(level.rate.cost, level.rate.per_minute),
            now_ns + level.reset_ns,
        )
        for level in verdict.levels
        if level.rate.counter.startswith(TOKENS)
    )


def spare(held: Held, used: int, now_ns: int) -> tuple[Rate, ...]:
    """Return what to give back once a request is known to have used so many tokens.

    What came back by itself in the meantime is not given back a second time: others may have taken it since.
    """
    rates: list[Rate] = []
    for each in held.taken:
        still_taken = max(0, each.full_at_ns - now_ns) // step_ns(each.per_minute)
        amount = min(each.tokens - used, still_taken)
        if amount > 0:
            rates.append(Rate(each.counter, each.per_minute, amount))
    return tuple(rates)


def excess(held: Held, used: int) -> tuple[Rate, ...]:
    """Return what to charge on top once a request is known to have used so many tokens.

    What was taken was the most of its first call; further calls and tries use more.
    """
    return tuple(Rate(each.counter, each.per_minute, used - each.tokens) for each in held.taken if used > each.tokens)
