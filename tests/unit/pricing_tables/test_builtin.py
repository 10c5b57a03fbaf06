"""The built-in tables: what is listed, found, priced and sourced."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import pricing_tables
from pricing_tables.loader import load_builtin, load_catalogue, load_rates
from pricing_tables.model import ByName, ByPower, CarbonUnknown

TABLES = Path(pricing_tables.__file__).parent


def test_eight_remote_chat_models_are_listed_first_and_the_embedded_ones_after():
    catalogue = load_catalogue(local_watts=65.0)

    names = [model.name for model in catalogue if model.kind == "chat"]

    assert names == [
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1-mini",
        "gpt-3.5-turbo",
        "mistral-large-latest",
        "mistral-medium-latest",
        "mistral-small-latest",
        "codestral-latest",
        "qwen2.5-coder-0.5b-instruct",
        "qwen2.5-coder-1.5b-instruct",
        "smollm2-135m-instruct",
    ]
    assert [model.name for model in catalogue if model.embedded and model.kind == "chat"] == names[8:]


def test_embeddings_models_generate_nothing_and_only_the_embedded_one_has_a_carbon_basis():
    models = [model for model in load_catalogue(local_watts=65.0) if model.kind == "embeddings"]

    assert {model.name: (model.prices[-1].currency, model.prices[-1].input) for model in models} == {
        "text-embedding-3-small": ("USD", Decimal("0.02")),
        "text-embedding-3-large": ("USD", Decimal("0.13")),
        "mistral-embed": ("EUR", Decimal("0.1")),
        "use-multilingual-v3": ("EUR", 0),
    }
    assert {price.output for model in models for price in model.prices} == {0}
    assert [model.carbon for model in models] == [CarbonUnknown()] * 3 + [ByPower(65.0)]


# Literal figures: USD from the vendor's pages and genai-prices 0.2.3, EUR from Mistral's own price file.
def test_audio_models_have_the_published_prices_and_limits():
    models = [model for model in load_catalogue(local_watts=65.0) if model.kind in {"transcription", "speech"}]

    told = {
        model.name: (
            model.kind,
            price.currency,
            *map(str, (price.input, price.output, price.audio_minute, price.audio_input, price.characters)),
            model.max_audio_s,
            model.audio_tokens_s,
        )
        for model in models
        for price in model.prices
    }
    assert told == {
        "whisper-1": ("transcription", "USD", "0", "0", "0.006", "None", "None", 600, 0),
        "gpt-4o-transcribe": ("transcription", "USD", "2.5", "10", "None", "6", "None", 300, 20),
        "gpt-4o-mini-transcribe": ("transcription", "USD", "1.25", "5", "None", "3", "None", 300, 20),
        "gpt-4o-mini-tts": ("speech", "USD", "0.6", "12", "None", "None", "None", None, 25),
        "tts-1": ("speech", "USD", "0", "0", "None", "None", "15", None, 0),
        "voxtral-mini-latest": ("transcription", "EUR", "0", "0", "0.0026", "None", "None", 600, 0),
        "voxtral-mini-tts-latest": ("speech", "EUR", "0", "0", "None", "None", "10", None, 0),
        "whisper-base": ("transcription", "EUR", "0", "0", "None", "None", "None", 120, 0),
        "pico": ("speech", "EUR", "0", "0", "None", "None", "None", None, 0),
    }
    assert [model.carbon for model in models] == [CarbonUnknown()] * 7 + [ByPower(65.0)] * 2


@pytest.mark.parametrize(
    ("name", "provider", "description", "context_window"),
    [
        ("gpt-4o", "openai", "GPT-4 Omni - Most capable model", 128000),
        ("mistral-large-latest", "mistralai", "Mistral Large - Top-tier reasoning", 32000),
    ],
)
def test_literal_rows_of_the_contract_are_kept(name, provider, description, context_window):
    model = load_catalogue(local_watts=65.0).find(name)

    assert (model.provider, model.description, model.context_window) == (provider, description, context_window)
    assert model.upstream == name


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("gpt-4o", "openai/gpt-4o"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("gpt-3.5-turbo", "openai/gpt-3.5-turbo"),
        ("mistral-large-latest", "mistralai/mistral-large-2512"),
        ("mistral-large-2512", "mistralai/mistral-large-2512"),
        ("mistral-medium-latest", "mistralai/mistral-medium-3-5"),
        ("mistral-small-latest", "mistralai/mistral-small-2603"),
        ("codestral-latest", "mistralai/codestral-2508"),
    ],
)
def test_names_and_aliases_resolve_to_one_canonical_id_for_price_and_carbon(asked, canonical):
    model = load_catalogue(local_watts=65.0).find(asked)

    assert model.canonical == canonical
    assert model.carbon == ByName(*canonical.split("/"))


def test_a_name_that_differs_by_a_letter_or_its_case_is_not_found():
    catalogue = load_catalogue(local_watts=65.0)

    assert catalogue.find("GPT-4o") is None
    assert catalogue.find("gpt-4o ") is None
    assert catalogue.find("") is None


# Literal figures, USD per million tokens, from genai-prices 0.2.3 and the vendors' pages (facts of 2026-11-21).
@pytest.mark.parametrize(
    ("name", "currency", "rates"),
    [
        ("gpt-4o", "USD", ("2.5", "10", "1.25", None)),
        ("gpt-4o-mini", "USD", ("0.15", "0.6", "0.075", None)),
        ("gpt-4.1-mini", "USD", ("0.4", "1.6", "0.1", None)),
        ("gpt-3.5-turbo", "USD", ("0.5", "1.5", None, None)),
        ("mistral-large-latest", "EUR", ("0.44", "1.3", None, "0.1")),
        ("mistral-medium-latest", "EUR", ("1.25", "6.4", None, "0.1")),
        ("mistral-small-latest", "EUR", ("0.12", "0.5", None, "0.1")),
        ("codestral-latest", "EUR", ("0.26", "0.79", None, "0.1")),
        ("smollm2-135m-instruct", "EUR", ("0", "0", None, None)),
    ],
)
def test_prices_are_the_published_ones_in_the_vendor_s_own_currency(name, currency, rates):
    price = load_catalogue(local_watts=65.0).find(name).prices[-1]

    figures = (price.input, price.output, price.cached_input, price.cached_input_factor)

    assert price.currency == currency
    assert figures == tuple(None if rate is None else Decimal(rate) for rate in rates)


def test_every_price_and_rate_names_its_source_and_the_day_it_was_read():
    rates = tomllib.loads((TABLES / "exchange_rates.toml").read_text())["rate"]

    prices = [price for model in load_builtin(local_watts=65.0) for price in model.prices]

    assert all(price.source.strip() and price.retrieved >= date(2026, 1, 1) for price in prices)
    assert all(row["source"].strip() and row["retrieved"] >= row["date"] for row in rates)


def test_embedded_models_are_measured_by_the_watts_of_the_machine_at_hand():
    embedded = [model for model in load_builtin(local_watts=12.5) if model.embedded]

    assert {model.carbon for model in embedded} == {ByPower(12.5)}
    assert {(model.zone, model.pue) for model in embedded} == {("FRA", 1.0)}
    assert {model.context_window for model in embedded if model.kind == "chat"} == {4096}


# ECB reference rates, read off eurofxref-hist.
@pytest.mark.parametrize(
    ("day", "rate", "of"),
    [
        (date(2026, 10, 30), "1.1172", date(2026, 10, 30)),
        (date(2026, 11, 21), "1.1172", date(2026, 10, 30)),
        (date(2026, 10, 29), "1.113", date(2026, 10, 29)),
        (date(2026, 6, 29), "1.1644", date(2026, 5, 29)),
        (date(2026, 6, 30), "1.1394", date(2026, 6, 30)),
        (date(2025, 12, 31), "1.175", date(2025, 12, 31)),
    ],
)
def test_the_last_exchange_rate_on_or_before_the_day_is_used_and_says_its_own_day(day, rate, of):
    exchange = load_rates().rate_on("USD", day)

    assert (exchange.currency, exchange.rate, exchange.date) == ("USD", Decimal(rate), of)
