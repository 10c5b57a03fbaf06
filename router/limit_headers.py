"""How rate limits stand, as headers: ours, OpenAI's and Anthropic's (RL-1 to RL-3)."""

import time
from datetime import UTC, datetime

from accounts.limits.gcra import TOKENS, Level, Verdict
from router.families import Family

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000

Headers = list[tuple[bytes, bytes]]


def limit_headers(verdict: Verdict, family: Family) -> Headers:
    """Return the headers of a family's answers; none without a limit.

    The figures are those of the tightest limit of requests, and of tokens: where least is left.
    """
    if not verdict.levels:
        return []
    return WRITERS.get(family, our_headers)(verdict)


def our_headers(verdict: Verdict) -> Headers:
    """Return ours: the limit, what is left of it, and when it is whole again, in seconds of the epoch."""
    requests, tokens = _tightest(verdict)
    now_ns = time.time_ns()
    headers: Headers = []
    if requests is not None:
        headers += [
            (b"x-ratelimit-limit", b"%d" % requests.rate.per_minute),
            (b"x-ratelimit-remaining", b"%d" % requests.remaining),
            (b"x-ratelimit-reset", b"%d" % -(-(now_ns + requests.reset_ns) // SECOND_NS)),
        ]
    if tokens is not None:
        headers += [
            (b"x-ratelimit-limit-tokens", b"%d" % tokens.rate.per_minute),
            (b"x-ratelimit-remaining-tokens", b"%d" % tokens.remaining),
            (b"x-ratelimit-reset-tokens", b"%d" % -(-(now_ns + tokens.reset_ns) // SECOND_NS)),
        ]
    return headers


def openai_headers(verdict: Verdict) -> Headers:
    """Return OpenAI's: resets are durations from now."""
    headers: Headers = []
    for kind, level in zip((b"requests", b"tokens"), _tightest(verdict), strict=True):
        if level is not None:
            headers += [
                (b"x-ratelimit-limit-" + kind, b"%d" % level.rate.per_minute),
                (b"x-ratelimit-remaining-" + kind, b"%d" % level.remaining),
                (b"x-ratelimit-reset-" + kind, duration(level.reset_ns).encode()),
            ]
    return headers


def anthropic_headers(verdict: Verdict) -> Headers:
    """Return Anthropic's: resets are moments of RFC 3339; one limit of ours counts tokens in and out alike."""
    requests, tokens = _tightest(verdict)
    now_ns = time.time_ns()
    kinds = (b"requests", requests), (b"tokens", tokens), (b"input-tokens", tokens), (b"output-tokens", tokens)
    headers: Headers = []
    for kind, level in kinds:
        if level is not None:
            name = b"anthropic-ratelimit-" + kind
            reset = datetime.fromtimestamp(-(-(now_ns + level.reset_ns) // SECOND_NS), UTC)
            headers += [
                (name + b"-limit", b"%d" % level.rate.per_minute),
                (name + b"-remaining", b"%d" % level.remaining),
                (name + b"-reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ").encode()),
            ]
    return headers


WRITERS = {Family.F3: openai_headers, Family.F4: anthropic_headers}


def duration(nanoseconds: int) -> str:
    """Return a duration as OpenAI writes it, rounded up to milliseconds: `120ms`, `1.5s`, `6m0s`."""
    milliseconds = -(-nanoseconds // MILLISECOND_NS)
    if 0 < milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _tightest(verdict: Verdict) -> tuple[Level | None, Level | None]:
    requests: Level | None = None
    tokens: Level | None = None
    for level in verdict.levels:
        if level.rate.counter.startswith(TOKENS):
            if tokens is None or level.remaining < tokens.remaining:
                tokens = level
        elif requests is None or level.remaining < requests.remaining:
            requests = level
    return requests, tokens
