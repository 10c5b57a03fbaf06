"""What one request holds from its admission to its settlement: room in budgets, a place, tokens of a rate."""

from decimal import Decimal

from msgspec import Struct

from metering.hours import EXACT

ZERO = Decimal(0)


class Taken(Struct, frozen=True):
    """What a request was charged of a limit of tokens, before anybody knew how many it would use.

    `full_at_ns` is when all of that limit would be there again by itself, in nanoseconds of the database's clock.
    """

    counter: str
    per_minute: int
    tokens: int
    full_at_ns: int


class Held:
    """Amounts by counter, which grow as a request makes further calls, and the tokens that limits were charged.

    Attributes:
        amounts: By counter: euros or grams held of a budget's window, or one place of a key's.
        taken: What each limit of tokens in the database was charged.

    """

    __slots__ = ("amounts", "taken")

    def __init__(self, amounts: dict[str, Decimal], taken: tuple[Taken, ...] = ()) -> None:
        self.amounts = amounts
        self.taken = taken

    def add(self, amounts: dict[str, Decimal]) -> None:
        """Hold more."""
        for counter, amount in amounts.items():
            self.amounts[counter] = EXACT.add(self.amounts.get(counter, ZERO), amount)
