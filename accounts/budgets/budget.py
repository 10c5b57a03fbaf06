"""One budget: so many euros or grams a day or month, for the organisation, a project or a key; how it may be stated."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, Inexact
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from accounts.alerts.relay import is_address
from accounts.budgets.windows import Every, Window, zone_named
from accounts.decimals import EXACT, as_text
from accounts.errors import BudgetInvalid

Scope = Literal["organization", "project", "key"]
Unit = Literal["EUR", "gCO2e"]
Kind = Literal["hard", "soft"]

MOST = Decimal(10) ** 12
SMALLEST = Decimal("1e-18")
MOST_EMAILS = 20
LONGEST_PREFIX = 100


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


class BudgetState(Struct, frozen=True):
    """A budget in its current window; `remaining` may be negative when it is soft or was lowered."""

    budget: Budget
    spent: Decimal
    reserved: Decimal
    resets_at: datetime

    @property
    def remaining(self) -> Decimal:
        """What could still be let in."""
        return EXACT.subtract(self.budget.amount, EXACT.add(self.spent, self.reserved))


class NewBudget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A budget as it is asked for; without a time zone it gets the gateway's own."""

    scope: Scope
    unit: Unit
    limit: Decimal
    window: Every
    kind: Kind
    scope_id: str | None = None
    emails: tuple[str, ...] = ()
    timezone: str | None = None


class BudgetChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What shall be different; what is left out stays."""

    limit: Decimal | UnsetType = UNSET
    window: Every | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    emails: tuple[str, ...] | UnsetType = UNSET
    timezone: str | UnsetType = UNSET


def window_id(budget_id: str, window: Window) -> str:
    """Return the name of a budget's window, which is also that of the counter of what is held of it."""
    return f"{budget_id}@{window.opens_at.isoformat(timespec='microseconds')}"


def counters_of(budget: Budget, window: Window) -> set[str]:
    """Return the counters whose holds count against this window."""
    return {window_id(budget.id, window), *budget.former}


def checked(budget: Budget) -> Budget:
    """Return the budget with its figures in plain notation and each address once.

    Raises:
        BudgetInvalid: Naming the field.
        TimezoneUnknown: There is no such zone.

    """
    zone_named(budget.timezone)
    prefix = budget.subject_prefix
    if prefix is not None and (len(prefix) > LONGEST_PREFIX or not prefix.isprintable()):
        reason = f"a subject prefix has at most {LONGEST_PREFIX} printable characters"
        raise BudgetInvalid(reason, param="subject_prefix")
    if (budget.scope == "organization") != (not budget.scope_id):
        reason = "give the id of the project or key; the organization has none"
        raise BudgetInvalid(reason, param="scope_id")
    return replace(budget, amount=_amount(budget.amount), emails=_addresses(budget.emails))


def _amount(amount: Decimal) -> Decimal:
    try:
        fits = amount.is_finite() and 0 < amount <= MOST and EXACT.quantize(amount, SMALLEST) > 0
    except Inexact:
        fits = False
    if not fits:
        raise BudgetInvalid("a limit is above 0, at most 1e12, and has at most 18 decimals", param="limit")
    return Decimal(as_text(amount))


def _addresses(emails: Iterable[str]) -> tuple[str, ...]:
    once = tuple(dict.fromkeys(emails))
    if len(once) > MOST_EMAILS:
        raise BudgetInvalid(f"at most {MOST_EMAILS} addresses", param="emails")
    for email in once:
        if not is_address(email):
            raise BudgetInvalid(f"{email[:64]!r} is no e-mail address", param="emails")
    return once
