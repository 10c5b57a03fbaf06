"""The headers that tell what is left of the budgets that apply to a request."""

from collections.abc import Mapping
from decimal import Decimal

from accounts.budgets import Unit
from accounts.decimals import as_text

NAMES: Mapping[Unit, bytes] = {"EUR": b"x-budget-eur-remaining", "gCO2e": b"x-budget-gco2eq-remaining"}


def budget_headers(remaining: Mapping[Unit, Decimal]) -> list[tuple[bytes, bytes]]:
    """Return one header for each unit that a budget applies in, its value every digit without exponent.

    Args:
        remaining: By unit, the least that is left of any budget that applies.

    """
    return [(NAMES[unit], as_text(amount).encode("ascii")) for unit, amount in remaining.items()]
