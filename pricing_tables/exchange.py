"""Exchange rates of the European Central Bank: the last one known on or before a day."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from operator import attrgetter

from msgspec import Struct

from pricing_tables.errors import RateMissing, TableMalformed


class Exchange(Struct, frozen=True):
    """The rate that turned a foreign price into euros: units of `currency` for one euro, as the ECB states it."""

    currency: str
    rate: Decimal
    date: date


class RateRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One reference rate: units of `currency` for one euro on `date`; rows are never edited."""

    currency: str
    rate: Decimal
    source: str
    retrieved: date
    date: date

    def __post_init__(self) -> None:
        if not self.rate.is_finite() or self.rate <= 0:
            raise ValueError("an exchange rate is a finite number above 0")


class Rates:
    """Every known rate, by currency and day."""

    def __init__(self, rows: Iterable[RateRow]) -> None:
        self._by_currency: dict[str, list[Exchange]] = {}
        for row in sorted(rows, key=attrgetter("date")):
            known = self._by_currency.setdefault(row.currency, [])
            if known and known[-1].date == row.date:
                raise TableMalformed(f"exchange rates: two rows for {row.currency} on {row.date}")
            known.append(Exchange(row.currency, row.rate, row.date))

    def rate_on(self, currency: str, day: date) -> Exchange:
        """Return the last rate on or before `day`; its own date says how old it is.

        Raises:
            RateMissing: No row of this currency is that old.

        """
        known = self._by_currency.get(currency, [])
        place = bisect_right(known, day, key=attrgetter("date"))
        if place == 0:
            raise RateMissing(f"no {currency} rate on or before {day}: add a row to exchange_rates.toml")
        return known[place - 1]
