"""Euros are exact: no precision of a thread, no float and no order of sums shows in them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.cost import compile_tariff
from metering.usage import MOST_TOKENS, Usage
from pricing_tables.exchange import RateRow, Rates
from pricing_tables.loader import load_catalogue, load_rates
from pricing_tables.model import CarbonUnknown, Model, Price

TODAY = date(2026, 11, 21)
CATALOGUE = load_catalogue(local_watts=65.0)
TOKENS = st.integers(0, MOST_TOKENS)
FRAMES = st.integers(0, 16_000 * 14_400)


def priced(currency, figure):
    rates = {"input": figure, "output": figure, "source": "test", "retrieved": TODAY}
    return Model(
        name="m",
        provider="p",
        upstream="m",
        canonical="p/m",
        context_window=1000,
        description="",
        prices=(Price(effective_from=date.min, currency=currency, **rates),),
        carbon=CarbonUnknown(),
    )


def cost_of(model, usage):
    return compile_tariff(model, load_rates()).cost(usage, TODAY)


@pytest.mark.parametrize(("tokens", "quanta"), [(1, 0), (2, 1), (3, 2), (5, 2), (7, 4)])
def test_a_tie_goes_to_the_even_digit(tokens, quanta):
    model = priced("EUR", Decimal("0.0000000000005"))

    cost = cost_of(model, Usage(input_uncached=tokens))

    assert cost.input == quanta * Decimal("1e-18")


def exact(model, usage, per_euro):
    row = model.prices[-1]
    cached = row.input if row.cached_input_factor is None else row.input * row.cached_input_factor
    read = Fraction(row.input) * (usage.input_uncached + usage.cache_write)
    read += Fraction(row.input if row.audio_input is None else row.audio_input) * usage.audio_input
    read += Fraction(cached if row.cached_input is None else row.cached_input) * usage.cache_read
    read += Fraction(row.characters or 0) * (usage.characters or 0)
    read += Fraction(row.audio_minute or 0) * Fraction(usage.audio_s or 0) / 60 * 1_000_000
    made = Fraction(row.output) * (usage.output_visible + usage.reasoning)
    made += Fraction(row.output if row.audio_output is None else row.audio_output) * usage.audio_output
    divisor = 1_000_000 * Fraction(per_euro)
    return read / divisor, made / divisor


@given(
    name=st.sampled_from([model.name for model in CATALOGUE]),
    usage=st.builds(
        Usage,
        input_uncached=TOKENS,
        cache_read=TOKENS,
        cache_write=TOKENS,
        output_visible=TOKENS,
        reasoning=TOKENS,
        audio_input=TOKENS,
        audio_output=TOKENS,
        audio_s=st.none() | FRAMES.map(lambda frames: Decimal(frames) / 16_000),
        characters=st.none() | st.integers(0, 10_000_000),
    ),
    digits=st.integers(1, 28),
)
def test_any_call_is_the_exact_quotient_rounded_half_even_whatever_the_thread_s_context(name, usage, digits):
    model = CATALOGUE.find(name)
    per_euro = Decimal("1.1172") if model.prices[-1].currency == "USD" else Decimal(1)

    with localcontext(prec=digits):
        cost = cost_of(model, usage)
        total = cost.total

    # Fractions have no precision to run out of, and `round` is half-even.
    whole = [round(euros * 10**18) for euros in exact(model, usage, per_euro)]
    assert [Fraction(part) * 10**18 for part in (cost.input, cost.output)] == whole
    assert Fraction(total) * 10**18 == sum(whole)


@given(tokens=TOKENS, rate=st.decimals("0.0001", "9999", places=4), figure=st.decimals(0, 1000, places=6))
@example(tokens=MOST_TOKENS, rate=Decimal("1.1172"), figure=Decimal("999999999999.999999"))
def test_any_price_and_exchange_rate_round_as_the_exact_quotient_does(tokens, rate, figure):
    rates = Rates([RateRow(currency="USD", rate=rate, source="test", retrieved=TODAY, date=TODAY)])
    model = priced("USD", figure)

    cost = compile_tariff(model, rates).cost(Usage(input_uncached=tokens), TODAY)

    euros = Fraction(figure) * tokens / (1_000_000 * Fraction(rate))
    assert Fraction(cost.input) * 10**18 == round(euros * 10**18)


def test_a_hundred_thousand_costs_add_up_without_drift():
    one = cost_of(CATALOGUE.find("gpt-4o"), Usage(input_uncached=13, output_visible=29)).total

    total = sum((one for _ in range(100_000)), Decimal(0))

    assert total == one * 100_000


def test_threads_with_contexts_of_their_own_agree():
    tariff = compile_tariff(CATALOGUE.find("gpt-4o"), load_rates())
    usage = Usage(input_uncached=12_345_678, output_visible=9_876_543)

    def narrow(digits):
        with localcontext(prec=digits):
            return tariff.cost(usage, TODAY)

    with ThreadPoolExecutor(4) as threads:
        costs = list(threads.map(narrow, range(1, 29)))

    assert costs == [tariff.cost(usage, TODAY)] * 28
