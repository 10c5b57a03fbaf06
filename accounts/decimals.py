"""Decimals as the database keeps them: exact, in plain notation, summed without rounding."""

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact

# Amounts have at most 18 decimals and 13 digits before them: a sum that needs more than this is an error.
EXACT = Context(prec=2000, traps=[Inexact])
ZERO = Decimal(0)


def as_text(amount: Decimal) -> str:
    """Return every digit that counts, without exponent."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum.

    Raises:
        Inexact: It has more digits than any sum of ours.

    """
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result
