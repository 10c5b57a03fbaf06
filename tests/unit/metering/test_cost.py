"""Euros of a call, done again by hand from the tables."""

import tomllib
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

import pytest

import pricing_tables
from metering.cost import Cost, Exchange, compile_tariff
from metering.usage import Usage
from pricing_tables.errors import PriceMissing, RateMissing
from pricing_tables.exchange import Rates
from pricing_tables.loader import load_catalogue, load_rates
from pricing_tables.model import CarbonUnknown, Model, Price, Tier

TABLES = Path(pricing_tables.__file__).parent
TODAY = date(2026, 11, 21)
CATALOGUE = load_catalogue(local_watts=65.0)
RATES = {"input", "output", "cached_input", "cached_input_factor"}


def priced(*prices):
    return Model(
        name="m",
        provider="p",
        upstream="m",
        canonical="p/m",
        context_window=1000,
        description="",
        prices=prices,
        carbon=CarbonUnknown(),
    )


def price(start=date.min, currency="EUR", source="test", retrieved=TODAY, **rates):
    figures = {name: Decimal(rate) if isinstance(rate, str) else rate for name, rate in rates.items()}
    return Price(effective_from=start, currency=currency, source=source, retrieved=retrieved, **figures)


def cost_of(model, usage, day=TODAY):
    return compile_tariff(model, load_rates()).cost(usage, day)


def rows_by_name():
    tables = [tomllib.loads((TABLES / name).read_text(), parse_float=str) for name in ("openai.toml", "mistral.toml")]
    return {row["name"]: row["price"] for table in tables for row in table["model"]}


@pytest.mark.parametrize(("name", "rows"), rows_by_name().items())
def test_every_vendor_s_model_costs_what_its_row_says_by_hand(name, rows):
    usage = Usage(input_uncached=1234, cache_read=640, cache_write=7, output_visible=321, reasoning=55)
    row = {key: Decimal(figure) for key, figure in rows[-1].items() if isinstance(figure, (str, int)) and key in RATES}
    cached = row.get("cached_input", row["input"] * row.get("cached_input_factor", Decimal(1)))
    per_euro = Decimal("1.1172") if rows[-1]["currency"] == "USD" else Decimal(1)

    cost = cost_of(CATALOGUE.find(name), usage)

    with localcontext(prec=50):
        by_hand = ((1234 + 7) * row["input"] + 640 * cached) / 1_000_000 / per_euro
        assert cost.input == by_hand.quantize(Decimal("1e-18"), ROUND_HALF_EVEN)
        by_hand = (321 + 55) * row["output"] / 1_000_000 / per_euro
        assert cost.output == by_hand.quantize(Decimal("1e-18"), ROUND_HALF_EVEN)


def test_published_examples_come_out_to_the_digit():
    usage = Usage(input_uncached=600, cache_read=400, output_visible=100)

    mistral = cost_of(CATALOGUE.find("mistral-large-latest"), usage)
    openai = cost_of(CATALOGUE.find("gpt-4o"), usage)

    assert mistral == Cost(Decimal("0.000281600000000000"), Decimal("0.000130000000000000"), None)
    # 0.0030 USD, as genai-prices 0.2.3 has it, at 1.1172 USD for one euro.
    assert openai.total.quantize(Decimal("1e-15")) == (Decimal("0.0030") / Decimal("1.1172")).quantize(Decimal("1e-15"))


def test_a_converted_cost_carries_the_rate_and_its_day_and_a_native_one_carries_none():
    usage = Usage(input_uncached=1, output_visible=1)

    converted = cost_of(CATALOGUE.find("gpt-4o"), usage, date(2026, 11, 21))
    native = cost_of(CATALOGUE.find("codestral-latest"), usage, date(2026, 11, 21))

    assert converted.exchange == Exchange("USD", Decimal("1.1172"), date(2026, 10, 30))
    assert native.exchange is None


def test_one_token_of_a_cheap_model_keeps_nine_significant_digits():
    cost = cost_of(CATALOGUE.find("gpt-4o-mini"), Usage(input_uncached=1))

    assert len(cost.total.normalize().as_tuple().digits) >= 9


def test_embedded_models_cost_exactly_nothing():
    usage = Usage(input_uncached=500, output_visible=500)

    cost = cost_of(CATALOGUE.find("smollm2-135m-instruct"), usage)

    assert (cost.total, cost.exchange) == (0, None)


def test_the_first_token_over_a_threshold_moves_the_whole_request_to_the_tier():
    tiers = (
        Tier(input_tokens_above=200_000, input=Decimal(2), output=Decimal(20)),
        Tier(input_tokens_above=400_000, input=Decimal(4), output=Decimal(40)),
    )
    model = priced(price(input="1", output="10", tiers=tiers))

    at = [cost_of(model, Usage(input_uncached=n, output_visible=100_000)) for n in (200_000, 200_001, 400_000, 400_001)]

    assert [cost.input for cost in at] == [Decimal(x) for x in ("0.2", "0.400002", "0.8", "1.600004")]
    assert [cost.output for cost in at] == [1, 2, 2, 4]


def test_every_kind_of_input_counts_towards_the_threshold():
    tier = Tier(input_tokens_above=100, input=Decimal(2), output=Decimal(2))
    model = priced(price(input="1", output="1", cached_input_factor="0.5", tiers=(tier,)))

    below = cost_of(model, Usage(input_uncached=40, cache_read=30, cache_write=20, audio_input=10))
    above = cost_of(model, Usage(input_uncached=40, cache_read=30, cache_write=20, audio_input=11))

    assert below.input == Decimal("0.000085")
    assert above.input == Decimal("0.000172")


@pytest.mark.parametrize(
    ("stated", "euros"),
    [
        ({}, "2"),
        ({"cached_input": "0.5"}, "0.5"),
        ({"cached_input_factor": "0.1"}, "0.2"),
        ({"cached_input": "0"}, "0"),
    ],
)
def test_cached_input_costs_its_price_or_its_share_or_as_much_as_any(stated, euros):
    model = priced(price(input="2", output="1", **stated))

    cost = cost_of(model, Usage(cache_read=1_000_000))

    assert cost.input == Decimal(euros)


def test_a_tier_has_its_own_cached_price():
    tier = Tier(input_tokens_above=10, input=Decimal(4), output=Decimal(1), cached_input=Decimal(1))
    model = priced(price(input="2", output="1", cached_input="0.5", tiers=(tier,)))

    cost = cost_of(model, Usage(cache_read=1_000_000))

    assert cost.input == 1


@pytest.mark.parametrize(("stated", "euros"), [({}, "2"), ({"cache_write": "2.5"}, "2.5")])
def test_writing_the_cache_costs_its_price_or_as_much_as_input(stated, euros):
    model = priced(price(input="2", output="1", **stated))

    cost = cost_of(model, Usage(cache_write=1_000_000))

    assert cost.input == Decimal(euros)


def test_reasoning_and_audio_tokens_cost_as_the_others_do():
    model = priced(price(input="2", output="3"))

    cost = cost_of(model, Usage(audio_input=1_000_000, reasoning=1_000_000, audio_output=1_000_000))

    assert (cost.input, cost.output) == (2, 6)


def test_audio_tokens_cost_their_own_price_where_there_is_one_in_every_tier():
    tier = Tier(input_tokens_above=1_000_000, input=Decimal(5), output=Decimal(7))
    model = priced(price(input="2", output="3", audio_input="6", audio_output="12", tiers=(tier,)))

    below = cost_of(model, Usage(audio_input=500_000, input_uncached=500_000, audio_output=1, output_visible=1))
    above = cost_of(model, Usage(audio_input=1_000_000, input_uncached=1_000_000, audio_output=1_000_000))

    assert (below.input, below.output) == (4, Decimal("0.000015"))
    assert (above.input, above.output) == (11, 12)


@pytest.mark.parametrize(
    ("seconds", "euros"), [("60", "0.0035"), ("0.1", "0.000005833333333333"), ("0", "0"), ("-1", "0"), (None, "0")]
)
def test_audio_by_the_minute_is_added_to_the_input(seconds, euros):
    model = priced(price(input="0.088", output="0.35", audio_minute="0.0035"))

    cost = cost_of(model, Usage(input_uncached=1_000_000, audio_s=seconds and Decimal(seconds)))

    assert cost.input == Decimal(euros) + Decimal("0.088")


def test_audio_by_the_minute_is_converted_too():
    model = priced(price(currency="USD", input="0", output="0", audio_minute="0.006"))

    cost = cost_of(model, Usage(audio_s=Decimal(90)))

    with localcontext(prec=50):
        assert cost.input == (Decimal("0.009") / Decimal("1.1172")).quantize(Decimal("1e-18"))


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4o-transcribe", "gpt-4o-mini-tts"])
def test_seconds_and_characters_cost_nothing_where_sound_is_priced_by_tokens(name):
    cost = cost_of(CATALOGUE.find(name), Usage(audio_s=Decimal(60), characters=1000))

    assert cost.total == 0


# A minute and a thousand characters at the vendors' prices, by hand; USD at 1.1172 for one euro.
@pytest.mark.parametrize(
    ("name", "usage", "dollars", "euros"),
    [
        ("whisper-1", Usage(audio_s=Decimal(60)), "0.006", None),
        ("voxtral", Usage(audio_s=Decimal(60)), None, "0.0026"),
        ("gpt-4o-transcribe", Usage(audio_input=600, output_visible=200), "0.0056", None),
        ("gpt-4o-mini-transcribe", Usage(audio_input=600, output_visible=200), "0.0028", None),
        ("tts-1", Usage(characters=1000), "0.015", None),
        ("voxtral-tts", Usage(characters=1000), None, "0.01"),
        ("gpt-4o-mini-tts", Usage(input_uncached=250, audio_output=1250), "0.01515", None),
        ("whisper-base", Usage(audio_s=Decimal(60)), None, "0"),
        ("pico", Usage(characters=1000), None, "0"),
    ],
)
def test_audio_costs_what_its_vendor_publishes(name, usage, dollars, euros):
    cost = cost_of(CATALOGUE.find(name), usage)

    with localcontext(prec=50):
        wanted = Decimal(euros) if dollars is None else Decimal(dollars) / Decimal("1.1172")
        assert abs(cost.total - wanted) <= Decimal("1e-18")
    assert (cost.exchange is None) == (dollars is None)


def test_a_later_row_does_not_reprice_an_earlier_day():
    first = price(date(2026, 1, 1), input="1", output="1")
    later = price(date(2026, 7, 1), input="9", output="9")
    usage = Usage(input_uncached=1_000_000)
    before = compile_tariff(priced(first), load_rates())
    after = compile_tariff(priced(first, later), load_rates())

    days = [date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1), date(2026, 6, 30)]

    assert [before.cost(usage, day).input for day in days[:2]] == [1, 1]
    assert [after.cost(usage, day).input for day in days] == [1, 1, 9, 1]


def test_each_day_has_its_own_exchange_rate():
    tariff = compile_tariff(CATALOGUE.find("gpt-4o"), load_rates())

    days = [tariff.cost(Usage(), day).exchange.rate for day in (date(2026, 10, 29), date(2026, 10, 30))]

    assert days == [Decimal("1.113"), Decimal("1.1172")]


def test_a_day_before_the_first_price_is_refused_by_name():
    model = priced(price(date(2026, 1, 1), input="1", output="1"))

    with pytest.raises(PriceMissing, match="'m' has no price on 2025-12-31"):
        cost_of(model, Usage(), date(2025, 12, 31))


def test_a_model_without_price_is_refused_before_any_call():
    with pytest.raises(PriceMissing, match="'m'"):
        compile_tariff(priced(), load_rates())


def test_a_currency_without_rates_is_refused_before_any_call():
    with pytest.raises(RateMissing, match="USD"):
        compile_tariff(CATALOGUE.find("gpt-4o"), Rates([]))
