"""Rows of router.toml, written as the contract (C-4) shows them."""

import tomllib
from decimal import Decimal

import msgspec
import pytest

from pricing_tables.errors import CarbonAmbiguous, CarbonMissing, PriceAmbiguous, PriceMissing
from pricing_tables.loader import load_catalogue
from pricing_tables.model import ByName, ByParameters, ByPower, CarbonUnknown
from pricing_tables.rows import ModelRow, model_from_row

CONTRACT = """
name = "llama-cluster"
aliases = ["llama"]
provider = "cluster"
upstream = "meta-llama/Llama-3.1-8B-Instruct"
context_window = 128000
description = "Our own Llama"
price_of = "gpt-4o"
ecologits = "openai/gpt-4o"
"""
BARE = 'name = "m"\nprovider = "p"\n'
PRICED = BARE + 'price_of = "gpt-4o"\n'


def model_of(text, zone=None, pue=None):
    row = msgspec.convert(tomllib.loads(text, parse_float=Decimal), ModelRow)
    return model_from_row(row, zone, pue, load_catalogue(local_watts=65.0))


def test_the_contract_s_own_row_becomes_a_model_with_its_provider_s_zone_and_pue():
    catalogue = load_catalogue(local_watts=65.0)

    model = model_of(CONTRACT, "FRA", 1.2)

    assert (model.name, model.aliases, model.provider) == ("llama-cluster", ("llama",), "cluster")
    assert model.upstream == "meta-llama/Llama-3.1-8B-Instruct"
    assert model.canonical == "cluster/meta-llama/Llama-3.1-8B-Instruct"
    assert (model.context_window, model.description) == (128000, "Our own Llama")
    assert model.prices == catalogue.find("gpt-4o").prices
    assert model.carbon == ByName("openai", "gpt-4o")
    assert (model.zone, model.pue, model.embedded) == ("FRA", 1.2, False)


def test_the_upstream_name_is_the_name_when_none_is_given():
    model = model_of(PRICED + 'carbon = "unknown"')

    assert (model.upstream, model.canonical) == ("m", "p/m")


def test_price_of_takes_an_alias_too():
    model = model_of(BARE + 'price_of = "mistral-large-2512"\ncarbon = "unknown"')

    assert model.prices[-1].input == Decimal("0.44")


def test_a_price_table_holds_since_ever():
    rates = "input = 0.1\noutput = 2\ncached_input = 0.01\naudio_minute = 0.3"
    model = model_of(f'{BARE}carbon = "unknown"\n[price]\ncurrency = "EUR"\n{rates}')

    (price,) = model.prices

    assert (price.currency, price.input, price.output) == ("EUR", Decimal("0.1"), Decimal(2))
    assert (price.cached_input, price.audio_minute) == (Decimal("0.01"), Decimal("0.3"))
    assert price.effective_from.year == 1


@pytest.mark.parametrize(
    ("statement", "carbon"),
    [
        ('ecologits = "huggingface_hub/meta-llama/Llama-3.1-8B"', ByName("huggingface_hub", "meta-llama/Llama-3.1-8B")),
        ("[carbon]\nactive_params_b = 8\ntotal_params_b = 70.5", ByParameters(active_params_b=8, total_params_b=70.5)),
        ("[carbon]\nwatts = 350", ByPower(350)),
        ('carbon = "unknown"', CarbonUnknown()),
    ],
)
def test_each_carbon_statement_is_understood(statement, carbon):
    model = model_of(PRICED + statement)

    assert model.carbon == carbon


@pytest.mark.parametrize(
    ("text", "error", "mend"),
    [
        (BARE + 'carbon = "unknown"', PriceMissing, "price_of"),
        (BARE + 'price_of = "gpt-9"\ncarbon = "unknown"', PriceAmbiguous, "'gpt-9'"),
        (
            PRICED + 'carbon = "unknown"\n[price]\ncurrency = "EUR"\ninput = 1\noutput = 1',
            PriceAmbiguous,
            "keep one",
        ),
        (
            BARE + 'carbon = "unknown"\n[price]\ncurrency = "EUR"\ninput = -1\noutput = 1',
            PriceAmbiguous,
            "0 or more",
        ),
        (PRICED, CarbonMissing, 'carbon = "unknown"'),
        (PRICED + 'ecologits = "gpt-4o"', CarbonAmbiguous, "provider/record"),
        (PRICED + 'ecologits = "openai/gpt-4o"\ncarbon = "unknown"', CarbonAmbiguous, "keep one"),
        (PRICED + "[carbon]\nactive_params_b = 8", CarbonAmbiguous, "total_params_b"),
        (PRICED + "[carbon]\nactive_params_b = 80\ntotal_params_b = 8", CarbonAmbiguous, "at most"),
        (PRICED + "[carbon]\nwatts = 0", CarbonAmbiguous, "above 0"),
        (PRICED + "[carbon]\nwatts = nan", CarbonAmbiguous, "above 0"),
        (PRICED + "[carbon]\nwatts = 5\nactive_params_b = 8\ntotal_params_b = 8", CarbonAmbiguous, "either"),
        (PRICED + "[carbon]", CarbonAmbiguous, "either"),
    ],
)
def test_a_row_without_one_price_and_one_carbon_basis_is_refused_by_name_with_the_mend(text, error, mend):
    with pytest.raises(error) as refusal:
        model_of(text)

    assert "'m'" in str(refusal.value)
    assert mend in str(refusal.value)


HEARS = BARE + 'kind = "transcription"\ncarbon = "unknown"\n'
SPEAKS = BARE + 'kind = "speech"\ncarbon = "unknown"\n'


def test_a_transcription_priced_by_the_minute_needs_no_price_of_tokens_and_counts_none():
    model = model_of(HEARS + 'max_audio_s = 300\n[price]\ncurrency = "EUR"\naudio_minute = 0.001')

    price = model.prices[0]
    assert (model.kind, model.max_audio_s, model.audio_tokens_s) == ("transcription", 300, 0)
    assert (price.input, price.output, price.audio_minute) == (0, 0, Decimal("0.001"))


def test_a_speech_priced_by_the_character_needs_no_price_of_tokens_either():
    model = model_of(SPEAKS + '[price]\ncurrency = "USD"\ncharacters = 15')

    assert (model.kind, model.max_audio_s, model.audio_tokens_s) == ("speech", None, 0)
    assert (model.prices[0].input, model.prices[0].characters) == (0, 15)


def test_a_transcription_priced_by_the_token_hears_as_many_as_any_encoder_makes_unless_it_says_fewer():
    tokens = '[price]\ncurrency = "EUR"\ninput = 1\noutput = 5\naudio_input = 3\naudio_output = 4'

    likely, stated = (
        model_of(HEARS + tokens),
        model_of(HEARS + "audio_tokens_s = 13\nmax_output_tokens = 900\n" + tokens),
    )

    assert (likely.max_audio_s, likely.audio_tokens_s, likely.max_output_tokens) == (600, 50, None)
    assert (stated.audio_tokens_s, stated.max_output_tokens) == (13, 900)
    assert (likely.prices[0].audio_input, likely.prices[0].audio_output) == (3, 4)


def test_a_row_with_the_price_of_a_model_by_the_minute_has_it():
    model = model_of(HEARS + 'price_of = "whisper-1"')

    assert (model.prices[0].audio_minute, model.audio_tokens_s) == (Decimal("0.006"), 0)


@pytest.mark.parametrize(
    "text",
    [
        HEARS + '[price]\ncurrency = "EUR"',
        HEARS + '[price]\ncurrency = "EUR"\ncharacters = 1',
        SPEAKS + '[price]\ncurrency = "EUR"\naudio_minute = 1',
        HEARS + '[price]\ncurrency = "EUR"\ninput = 1',
        BARE + 'carbon = "unknown"\n[price]\ncurrency = "EUR"\naudio_minute = 1',
    ],
)
def test_a_price_that_leaves_open_what_something_costs_is_refused(text):
    with pytest.raises(PriceMissing, match="'m'"):
        model_of(text)


@pytest.mark.parametrize("longest", ["max_audio_s = 601", "max_audio_s = 5", "audio_tokens_s = 0"])
def test_parts_are_never_longer_than_every_vendor_takes(longest):
    with pytest.raises(msgspec.ValidationError, match=longest.partition(" ")[0]):
        model_of(HEARS + longest + '\n[price]\ncurrency = "EUR"\naudio_minute = 1')


@pytest.mark.parametrize("line", ["temperature = 1", 'carbon = "green"', "[carbon]\nzone = 1", "[price]\nimage = 1"])
def test_a_field_that_is_not_understood_is_refused(line):
    with pytest.raises(msgspec.ValidationError):
        model_of(PRICED + line)
