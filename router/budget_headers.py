"""The headers that tell what is left of the budgets that apply to a request."""

from accounts.decimals import as_text
from metering.ledger import Remaining


def budget_headers(remaining: Remaining | None) -> list[tuple[bytes, bytes]]:
    """Return one header for each unit that a budget applies in, its value every digit without exponent."""
    if remaining is None:
        return []
    headers: list[tuple[bytes, bytes]] = []
    if remaining.eur is not None:
        headers.append((b"x-budget-eur-remaining", as_text(remaining.eur).encode()))
    if remaining.grams is not None:
        headers.append((b"x-budget-gco2eq-remaining", as_text(remaining.grams).encode()))
    return headers
