"""Budgets: so many euros or grams a day or month, for the organisation, a project or a key."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from accounts.windows import Every, Window

Scope = Literal["organization", "project", "key"]
Unit = Literal["EUR", "gCO2e"]
Kind = Literal["hard", "soft"]


class Budget(Struct, frozen=True, kw_only=True):
    """What may be spent of `unit` in each window: a hard one refuses what could pass it, a soft one tells.

    `scope_id` is '' for the organisation. `quoted` is the amount in `currency` as it was given, where that is not
    `unit`. `former` are counters of before its window was changed, which requests held then: they still count.
    """

    id: str
    scope: Scope
    scope_id: str
    unit: Unit
    amount: Decimal
    every: Every
    kind: Kind
    timezone: str
    emails: tuple[str, ...]
    created_at: datetime
    currency: str | None = None
    quoted: Decimal | None = None
    subject_prefix: str | None = None
    former: tuple[str, ...] = ()


def window_id(budget_id: str, window: Window) -> str:
    """Return the name of a budget's window, which is also that of the counter of what is held of it."""
    return f"{budget_id}@{window.opens_at.isoformat(timespec='microseconds')}"


def counters_of(budget: Budget, window: Window) -> set[str]:
    """Return the counters whose holds count against this window."""
    return {window_id(budget.id, window), *budget.former}
