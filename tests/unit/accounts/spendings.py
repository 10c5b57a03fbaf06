"""Budgets and what is spent of them, for tests of what is told about them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from accounts.alerts.alerts import Spending
from accounts.budgets.budget import Budget, window_id
from accounts.budgets.windows import window_at

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def budget(**changes: Any) -> Budget:
    fields: dict[str, Any] = {
        "id": "bud_0123456789abcdef",
        "scope": "organization",
        "scope_id": "",
        "unit": "EUR",
        "amount": Decimal(10),
        "every": "day",
        "kind": "hard",
        "timezone": "Europe/Paris",
        "emails": ("boss@example.org",),
        "created_at": NOON,
    }
    return Budget(**fields | changes)


def spending(spent: str, of: Budget | None = None) -> Spending:
    of = of or budget()
    window = window_at(NOON, of.every, of.timezone)
    return Spending(of, window_id(of.id, window), window, Decimal(spent))
