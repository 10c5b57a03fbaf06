"""What an account refuses; each class says it in its docstring."""

from datetime import datetime
from decimal import Decimal


class AccountError(Exception):
    """Keys, projects, limits or budgets refuse it."""


class TimezoneUnknown(AccountError):
    """There is no time zone of this name."""


class BudgetUnknown(AccountError):
    """There is no budget of this id."""


class ScopeUnknown(AccountError):
    """There is no project or key of this id for a budget to be of."""

    def __init__(self, scope: str, scope_id: str) -> None:
        super().__init__(f"there is no {scope} {scope_id!r}")
        self.scope = scope
        self.scope_id = scope_id


class BudgetSpent(AccountError):
    """The budget cannot cover this request before its window resets.

    Args:
        unit: EUR or gCO2e.
        scope: organization, project or key.
        limit: What may be spent in one window, in `unit`.
        resets_at: When the next window opens.

    """

    def __init__(self, unit: str, scope: str, limit: Decimal, resets_at: datetime) -> None:
        super().__init__(f"the {scope}'s budget of {limit:f} {unit} is spent until {resets_at.isoformat()}")
        self.unit = unit
        self.scope = scope
        self.limit = limit
        self.resets_at = resets_at


class FootprintUnknown(AccountError):
    """A hard budget in grams applies, and the footprint of this model cannot be bounded."""
