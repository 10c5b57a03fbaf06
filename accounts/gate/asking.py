"""What requests hand to the clerk: to be let in, to hold more, to give back; and what they are told."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from accounts.limits.gcra import Rate, Verdict
from metering.bound import Bound
from metering.held import Held
from metering.ledger import Remaining
from storage.statement import Work


class Ask(Struct, frozen=True, kw_only=True):
    """A request that wants in, or one more call of a request that is in.

    Attributes:
        opened_at: When the request came, in UTC: which windows it is charged to.
        project_id: Whose budgets apply, beside the organisation's.
        key_id: Whose budgets apply too; None without a key.
        bound: The most that it will consume.
        rates: What it takes of its rate limits.
        running: How many requests of its key may run at once; None for any number.
        opening: Its id and admission, for a database that keeps the list of open requests.

    """

    opened_at: datetime
    project_id: str
    key_id: str | None
    bound: Bound
    rates: tuple[Rate, ...] = ()
    running: int | None = None
    opening: tuple[str, str] | None = None
    work: Work = ()


class Knock(Struct, frozen=True):
    """A request that consumes nothing and counts against rate limits alone."""

    rates: tuple[Rate, ...]
    work: Work = ()


class Release(Struct, frozen=True):
    """What is given back without an entry, by a request that went no further; `request_id` is then open no more."""

    held: Held
    request_id: str | None = None
    work: Work = ()


class Grant(Struct, frozen=True):
    """A request is let in.

    Attributes:
        amounts: What it holds now, by counter.
        bounded: Whether a hard budget applies, so that every further call must be held for too.
        remaining: What its budgets have left; None without budgets.
        verdict: How its rate limits stand.

    """

    amounts: dict[str, Decimal]
    bounded: bool
    remaining: Remaining | None
    verdict: Verdict


def running_counter(key_id: str) -> str:
    """Return the counter of the requests of a key that run at once."""
    return f"running:{key_id}"
