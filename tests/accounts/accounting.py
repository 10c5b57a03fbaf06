"""What clients were told, held against the ledger, and what the ledger adds up to."""

from collections import Counter
from decimal import Decimal
from typing import Any

from tests.accounts.asking import Told, agrees

Rows = list[dict[str, Any]]
NOTHING = Decimal(0)


def spent_by(rows: Rows, unit: str) -> Decimal:
    """Return what ledger rows add up to, in EUR or gCO2e; what is unknown is not in the sum."""
    if unit == "EUR":
        return sum((Decimal(row["cost_eur"]) for row in rows if row["cost_eur"] is not None), NOTHING)
    known = [row["emissions_kgCO2eq"] for row in rows if row["emissions_kgCO2eq"] is not None]
    return sum((Decimal(kg) for kg in known), NOTHING) * 1000


def assert_booked_once(told: list[Told], rows: Rows) -> None:
    """Hold every answer against its row: there is one, and it says the same to the digit; no request has two."""
    counts = Counter(row["request_id"] for row in rows)
    assert [name for name, count in counts.items() if count > 1] == []
    by_id = {row["request_id"]: row for row in rows}
    answered = [each for each in told if each.answered]
    assert [each.request_id for each in answered if each.request_id not in by_id] == []
    assert [each.receipt for each in answered if not agrees(each, by_id[each.request_id])] == []
    assert {by_id[each.request_id]["status"] for each in answered} <= {"ok"}


def statuses(rows: Rows) -> dict[str, int]:
    return dict(Counter(row["status"] for row in rows))
