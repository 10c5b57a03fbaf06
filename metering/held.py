"""What one request holds from its admission to its settlement: room in budgets, a place, tokens of a rate."""

from decimal import Decimal


class Held:
    """Amounts by counter, which grow as a request makes further calls, and the tokens that rates were charged.

    Attributes:
        amounts: By counter: euros or grams held of a budget's window, or one place of a key's.
        tokens: How many tokens the rates below were charged.
        rates: Token counters with the tokens a minute that each allows.

    """

    __slots__ = ("amounts", "rates", "tokens")

    def __init__(
        self, amounts: dict[str, Decimal] | None = None, tokens: int = 0, rates: tuple[tuple[str, int], ...] = ()
    ) -> None:
        self.amounts = amounts or {}
        self.tokens = tokens
        self.rates = rates

    def add(self, amounts: dict[str, Decimal]) -> None:
        """Hold more."""
        for counter, amount in amounts.items():
            self.amounts[counter] = self.amounts.get(counter, Decimal()) + amount
