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
NOTHING = Decimal(0)

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
    heard: Decimal
    output: Decimal
    spoken: Decimal

    @property
    def dearest_read(self) -> Decimal:
        """The most that a token that is read can cost."""
        return max(self.input, self.cached, self.written, self.heard)

    @property
    def dearest_generated(self) -> Decimal:
        """The most that a token that is generated can cost."""
        return max(self.output, self.spoken)


class _DayRates(Struct, frozen=True):
    """What one row costs on one day: its bands, highest first, and what divides its amounts into euros."""

    bands: tuple[_Band, ...]
    audio_minute: Decimal | None
    characters: Decimal | None
    per_euro: Decimal
    exchange: Exchange | None

    def band(self, input_tokens: int) -> _Band:
        return next(band for band in self.bands if band.above < input_tokens or band.above == 0)


class Tariff:
    """The price rows of one model, ready to cost its calls.

    Attributes:
        model: Whose they are.

    """

    def __init__(self, model: Model, rates: Rates) -> None:
        self.model = model
        self._rates = rates
        self._rows = sorted(model.prices, key=attrgetter("effective_from"))
        self._days: dict[date, _DayRates] = {}

    def cost(self, usage: Usage, day: date) -> Cost:
        """Cost one call at the rates of its day.

        Args:
            usage: Tokens in disjoint buckets, reasoning being output; seconds of audio that were read, for rows with a
                price a minute; characters that were spoken, for rows with a price for them.
            day: UTC day of the request; it picks the price row and the exchange rate.

        Returns:
            Euros, and the exchange rate when the row is not in euros.

        Raises:
            PriceMissing: Every row takes effect after `day`.
            RateMissing: No exchange rate is known on or before `day`.

        """
        rates = self._days.get(day) or self._rates_on(day)
        band = rates.bands[0] if len(rates.bands) == 1 else rates.band(usage.input_tokens)
        amount = _EXACT.multiply(band.input, usage.input_uncached)
        if usage.audio_input:
            amount = _EXACT.fma(band.heard, usage.audio_input, amount)
        if usage.cache_read:
            amount = _EXACT.fma(band.cached, usage.cache_read, amount)
        if usage.cache_write:
            amount = _EXACT.fma(band.written, usage.cache_write, amount)
        made = _EXACT.multiply(band.output, usage.output_visible + usage.reasoning)
        if usage.audio_output:
            made = _EXACT.fma(band.spoken, usage.audio_output, made)
        return Cost(_sounding(rates, amount, usage.audio_s, usage.characters), _in_euros(rates, made), rates.exchange)

    def most(
        self, input_tokens: int, output_tokens: int, day: date, *, audio_s: Decimal = NOTHING, characters: int = 0
    ) -> Decimal:
        """Return the most that a call can cost which reads and generates no more than so many tokens, in euros.

        Whatever bucket its tokens fall in and whatever tier it reaches, `cost` is not above this, for no more seconds
        of audio and no more characters.

        Raises:
            PriceMissing: As `cost`.
            RateMissing: As `cost`.

        """
        rates = self._days.get(day) or self._rates_on(day)
        reached = rates.bands
        if len(reached) > 1:
            reached = [band for band in reached if band.above < input_tokens or band.above == 0]
        read = _EXACT.multiply(max([band.dearest_read for band in reached]), input_tokens)
        made = _EXACT.multiply(max([band.dearest_generated for band in reached]), output_tokens)
        return _EXACT.add(_sounding(rates, read, audio_s, characters), _in_euros(rates, made))

    def _rates_on(self, day: date) -> _DayRates:
        row = next((row for row in reversed(self._rows) if row.effective_from <= day), None)
        if row is None:
            raise PriceMissing(f"model {self.model.name!r} has no price on {day}: add a row that takes effect by then")
        exchange = None if row.currency == "EUR" else self._rates.rate_on(row.currency, day)
        rate = Decimal(1) if exchange is None else exchange.rate
        per_euro = _EXACT.multiply(ONE_MILLION, rate)
        prepared = _DayRates(_bands(row), row.audio_minute, row.characters, per_euro, exchange)
        self._days[day] = prepared
        return prepared


def _in_euros(rates: _DayRates, amount: Decimal) -> Decimal:
    return _EXACT.quantize(_EXACT.divide(amount, rates.per_euro), QUANTUM)


def _sounding(rates: _DayRates, amount: Decimal, audio_s: Decimal | None, characters: int | None) -> Decimal:
    """Return the euros of an amount for tokens that were read, of what was heard and of what was to be spoken."""
    if characters and rates.characters is not None:
        amount = _EXACT.fma(rates.characters, characters, amount)
    if audio_s is None or rates.audio_minute is None or audio_s <= 0:
        return _in_euros(rates, amount)
    # Sixty times all of it: the sixtieth of a minute is left to the one division.
    minutes = _EXACT.multiply(_EXACT.multiply(rates.audio_minute, audio_s), ONE_MILLION)
    per_euro = _EXACT.multiply(rates.per_euro, SECONDS_A_MINUTE)
    amount = _EXACT.fma(amount, SECONDS_A_MINUTE, minutes)
    return _EXACT.quantize(_EXACT.divide(amount, per_euro), QUANTUM)


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
    cached = _cached(row.input, row.cached_input, row.cached_input_factor)
    heard, spoken = row.audio_input, row.audio_output
    first = _Band(0, row.input, cached, written, _or(heard, row.input), row.output, _or(spoken, row.output))
    tiers = (
        _Band(
            tier.input_tokens_above,
            tier.input,
            _cached(tier.input, tier.cached_input, row.cached_input_factor),
            tier.input,
            _or(heard, tier.input),
            tier.output,
            _or(spoken, tier.output),
        )
        for tier in reversed(row.tiers)
    )
    return (*tiers, first)


def _cached(full: Decimal, price: Decimal | None, factor: Decimal | None) -> Decimal:
    if price is not None:
        return price
    return full if factor is None else _EXACT.multiply(full, factor)


def _or(price: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if price is None else price
