"""What a caller is told whose rate limit is reached, or who has too many requests running (6.4)."""

from collections.abc import Mapping

from msgspec import Struct

from accounts.errors import RateExceeded, TooManyRunning
from accounts.limits.gcra import TOKENS, charge
from router.families import Family
from router.limit_headers import SECOND_NS, duration, limit_headers

LIMITED = (RateExceeded, TooManyRunning)
CODE = "rate_limit_exceeded"
ONE_MAY_END_S = 1.0
OWNERS = {
    "key": ("cette clé", "this key"),
    "project": ("ce projet", "this project"),
    "ip": ("cette adresse", "this address"),
}


class LimitRefusal(Struct, frozen=True):
    """What is told of a limit: a reason, when to come again, how all limits stand, OpenAI's type and code."""

    reason: str
    retry_after: float
    headers: Mapping[str, str]
    openai: tuple[str, str]


def limit_refusal(error: RateExceeded | TooManyRunning, family: Family) -> LimitRefusal:
    """Return what a family's caller is told."""
    if isinstance(error, TooManyRunning):
        reason = family.choose(
            f"au plus {error.cap} requêtes de cette clé à la fois ; réessayez quand l'une d'elles sera terminée",
            f"at most {error.cap} requests of this key at once; try again when one has ended.",
        )
        return LimitRefusal(reason, ONE_MAY_END_S, {}, ("requests", CODE))
    level = error.level
    headers = {name.decode(): value.decode() for name, value in limit_headers(error.verdict, family)}
    kind = "tokens" if level.rate.counter.startswith(TOKENS) else "requests"
    return LimitRefusal(_reason(error, kind, family), level.retry_after_ns / SECOND_NS, headers, (kind, CODE))


def _reason(error: RateExceeded, kind: str, family: Family) -> str:
    level = error.level
    limit, requested = level.rate.per_minute, charge(level.rate)
    used = limit - level.remaining
    french, english = OWNERS.get(level.rate.counter.split(":")[1], OWNERS["key"])
    wait = duration(level.retry_after_ns)
    things = "tokens" if kind == "tokens" else "requêtes"
    return family.choose(
        f"{things} par minute pour {french} : limite {limit}, utilisé {used}, demandé {requested} ; "
        f"réessayez dans {wait}",
        f"{kind} per minute of {english}: limit {limit}, used {used}, requested {requested}. "
        f"Please try again in {wait}.",
    )
