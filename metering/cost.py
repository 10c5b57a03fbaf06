"""Euros of one call: dated rows, tiers, cached rates and the day's exchange rate, exact in Decimal."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from operator import attrgetter

from msgspec import Struct

from metering.usage import Usage
from pricing_tables.errors import PriceMissing
from pricing_tables.exchange import Exchange, Rates
from pricing_tables.model import ONE_MILLION, Model, Price

__all__ = ["Cost", "Exchange", "Tariff", "compile_tariff"]

QUANTUM = Decimal("1e-18")
SECONDS_A_MINUTE = Decimal(60)

# Sums and products stay exact under 60 digits and the one division is cut at the 60th, which cannot tip the rounding to
# 1e-18: a quotient that is no tie lies further from one than that. The thread's own context has 28 digits, or less.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])


class Cost(Struct, frozen=True):
    """Euros of one call, each part rounded half-even to 1e-18 EUR, so that the parts add up to the total."""

    input: Decimal
    output: Decimal
    exchange: Exchange | None = None

    @property
    def total(self) -> Decimal:
        """The sum of the rounded parts."""
        return _EXACT.add(self.input, self.output)


class _Band(Struct, frozen=True):
    """Rates of one tier, per million tokens, in the row's currency."""

    above: int
    input: Decimal
    cached: Decimal
    written: Decimal
    output: Decimal

    @property
    def dearest(self) -> Decimal:
        """The most that a token that is read can cost."""
        return max(self.input, self.cached, self.written)


class _DayRates(Struct, frozen=True):
    """What one row costs on one day: its bands, highest first, and what divides its amounts into euros."""

    bands: tuple[_Band, ...]
    audio_minute: Decimal | None
    per_euro: Decimal
    exchange: Exchange | None

    def band(self, input_tokens: int) -> _Band:
        return next(band for band in self.bands if band.above < input_tokens or band.above == 0)


class Tariff:
    """The price rows of one model, ready to cost its calls."""

    def __init__(self, model: Model, rates: Rates) -> None:
        self._name = model.name
        self._rates = rates
        self._rows = sorted(model.prices, key=attrgetter("effective_from"))
        self._days: dict[date, _DayRates] = {}

    def cost(self, usage: Usage, day: date, audio_s: float = 0) -> Cost:
        """Cost one call at the rates of its day.

        Args:
            usage: Tokens in disjoint buckets; audio tokens are priced as text ones, reasoning as output.
            day: UTC day of the request; it picks the price row and the exchange rate.
            audio_s: Seconds of audio read, for rows with a price a minute.

        Returns:
            Euros, and the exchange rate when the row is not in euros.

        Raises:
            PriceMissing: Every row takes effect after `day`.
            RateMissing: No exchange rate is known on or before `day`.

        """
        rates = self._days.get(day) or self._rates_on(day)
        band = rates.bands[0] if len(rates.bands) == 1 else rates.band(usage.input_tokens)
        amount = _EXACT.multiply(band.input, usage.input_uncached + usage.audio_input)
        if usage.cache_read:
            amount = _EXACT.fma(band.cached, usage.cache_read, amount)
        if usage.cache_write:
            amount = _EXACT.fma(band.written, usage.cache_write, amount)
        per_euro = rates.per_euro
        if audio_s > 0 and rates.audio_minute is not None:
            amount = _with_audio(amount, rates.audio_minute, audio_s)
            per_euro = _EXACT.multiply(per_euro, SECONDS_A_MINUTE)
        return Cost(
            _EXACT.quantize(_EXACT.divide(amount, per_euro), QUANTUM),
            _in_euros(rates, band.output, usage.output_tokens),
            rates.exchange,
        )

    def most(self, input_tokens: int, output_tokens: int, day: date) -> Decimal:
        """Return the most that a call can cost which reads and generates no more than so many tokens, in euros.

        Whatever bucket its tokens fall in and whatever tier it reaches, `cost` is not above this.

        Raises:
            PriceMissing: As `cost`.
            RateMissing: As `cost`.

        """
        rates = self._days.get(day) or self._rates_on(day)
        reached = rates.bands
        if len(reached) > 1:
            reached = [band for band in reached if band.above < input_tokens or band.above == 0]
        read = _in_euros(rates, max([band.dearest for band in reached]), input_tokens)
        return _EXACT.add(read, _in_euros(rates, max([band.output for band in reached]), output_tokens))

    def _rates_on(self, day: date) -> _DayRates:
        row = next((row for row in reversed(self._rows) if row.effective_from <= day), None)
        if row is None:
            raise PriceMissing(f"model {self._name!r} has no price on {day}: add a row that takes effect by then")
        exchange = None if row.currency == "EUR" else self._rates.rate_on(row.currency, day)
        rate = Decimal(1) if exchange is None else exchange.rate
        prepared = _DayRates(_bands(row), row.audio_minute, _EXACT.multiply(ONE_MILLION, rate), exchange)
        self._days[day] = prepared
        return prepared


def _in_euros(rates: _DayRates, rate: Decimal, tokens: int) -> Decimal:
    return _EXACT.quantize(_EXACT.divide(_EXACT.multiply(rate, tokens), rates.per_euro), QUANTUM)


def compile_tariff(model: Model, rates: Rates) -> Tariff:
    """Prepare the price rows of `model`.

    Raises:
        PriceMissing: It has none.
        RateMissing: A row's currency has no exchange rate at all.

    """
    if not model.prices:
        raise PriceMissing(f"model {model.name!r} has no price: give price_of, or a [model.price] table")
    for currency in {row.currency for row in model.prices} - {"EUR"}:
        rates.rate_on(currency, date.max)
    return Tariff(model, rates)


def _bands(row: Price) -> tuple[_Band, ...]:
    written = row.input if row.cache_write is None else row.cache_write
    first = _Band(0, row.input, _cached(row.input, row.cached_input, row.cached_input_factor), written, row.output)
    tiers = (
        _Band(
            tier.input_tokens_above,
            tier.input,
            _cached(tier.input, tier.cached_input, row.cached_input_factor),
            tier.input,
            tier.output,
        )
        for tier in reversed(row.tiers)
    )
    return (*tiers, first)


def _cached(full: Decimal, price: Decimal | None, factor: Decimal | None) -> Decimal:
    if price is not None:
        return price
    return full if factor is None else _EXACT.multiply(full, factor)


def _with_audio(amount: Decimal, minute: Decimal, seconds: float) -> Decimal:
    """Return sixty times the input's amount, audio included: the sixtieth of a minute is left to the one division."""
    audio = _EXACT.multiply(_EXACT.multiply(minute, Decimal(str(seconds))), ONE_MILLION)
    return _EXACT.fma(amount, SECONDS_A_MINUTE, audio)
