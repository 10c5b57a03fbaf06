"""Euros of one call: dated rows, tiers, cached rates and the day's exchange rate, exact in Decimal."""

from datetime import date
from decimal import Decimal

from msgspec import Struct


class Exchange(Struct, frozen=True):
    """The rate that turned a foreign price into euros: units of `currency` for one euro, as the ECB states it."""

    currency: str
    rate: Decimal
    date: date


class Cost(Struct, frozen=True):
    """Euros of one call, each part rounded half-even to 1e-18 EUR, so that the parts add up to the total."""

    input: Decimal
    output: Decimal
    exchange: Exchange | None = None

    @property
    def total(self) -> Decimal:
        """The sum of the rounded parts."""
        return self.input + self.output
