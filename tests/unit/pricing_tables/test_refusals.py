"""What the tables refuse, by name and with the mend."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from pricing_tables.catalogue import Catalogue
from pricing_tables.errors import NameTaken, RateMissing, TableMalformed
from pricing_tables.exchange import RateRow, Rates
from pricing_tables.loader import RateTable, VendorTable, load_catalogue, load_rates, read_toml

MODEL = """
provider = "openai"
[[model]]
name = "m"
canonical = "openai/m"
context_window = 1000
description = "A model"
tokenizer = "o200k_base"
ecologits = "openai/gpt-4o"
[[model.price]]
effective_from = 2026-01-01
currency = "USD"
input = 1.5
output = 3
source = "somewhere"
retrieved = 2026-01-01
"""


def rate_row(day, rate="1.1"):
    return RateRow(currency="USD", date=day, rate=Decimal(rate), source="ECB", retrieved=day)


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "vendor.toml"
        path.write_text(text)
        return path

    return write


def test_a_whole_table_is_read_with_exact_decimals(table):
    path = table(MODEL)

    read = read_toml(path, VendorTable)

    assert read.model[0].price[0].input == Decimal("1.5")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("context_window = 1000", "context_window = 1000\nspeed = 3"), "speed"),
        (("output = 3", "output = 3\nimage = 2"), "image"),
        (("output = 3\n", ""), "output"),
        (("input = 1.5", "input = -1.5"), "0 or more"),
        (("input = 1.5", "input = nan"), "finite"),
        (("input = 1.5", "input = inf"), "finite"),
        (('currency = "USD"', 'currency = "GBP"'), "GBP"),
        (("output = 3", "output = 3\ncached_input = 1\ncached_input_factor = 0.5"), "exclude"),
        (('ecologits = "openai/gpt-4o"', ""), "one carbon basis"),
        (('ecologits = "openai/gpt-4o"', 'ecologits = "openai/gpt-4o"\ncarbon = "measured_power"'), "one carbon basis"),
        (("provider =", "provider ="[:-1]), "vendor.toml"),
    ],
)
def test_a_malformed_table_is_refused_with_the_file_and_the_place(table, change, complaint):
    path = table(MODEL.replace(*change))

    with pytest.raises(TableMalformed) as refusal:
        read_toml(path, VendorTable)

    assert "vendor.toml" in str(refusal.value)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize("later", ["2026-01-01", "2025-12-31"])
def test_price_rows_out_of_order_or_of_one_day_are_refused(table, later):
    row = MODEL[MODEL.index("[[model.price]]") :]
    path = table(MODEL + row.replace("effective_from = 2026-01-01", f"effective_from = {later}"))

    with pytest.raises(TableMalformed, match="oldest first"):
        read_toml(path, VendorTable)


@pytest.mark.parametrize("thresholds", [(200, 100), (100, 100), (0,)])
def test_tiers_without_rising_thresholds_are_refused(table, thresholds):
    tiers = "".join(f"[[model.price.tiers]]\ninput_tokens_above = {n}\ninput = 2\noutput = 4\n" for n in thresholds)
    path = table(MODEL + tiers)

    with pytest.raises(TableMalformed, match="tier"):
        read_toml(path, VendorTable)


def test_a_name_that_another_model_has_is_refused_with_both_names():
    catalogue = load_catalogue(local_watts=65.0)
    newcomer = msgspec.structs.replace(catalogue.find("gpt-4o"), name="mine", aliases=("gpt-4o-mini",))

    with pytest.raises(NameTaken) as refusal:
        Catalogue([*catalogue, newcomer])

    assert all(name in str(refusal.value) for name in ("'gpt-4o-mini'", "'mine'"))


def test_a_day_before_the_first_exchange_rate_is_refused_not_guessed():
    rates = load_rates()

    with pytest.raises(RateMissing, match="USD rate on or before 2025-12-30"):
        rates.rate_on("USD", date(2025, 12, 30))


def test_a_currency_without_rates_is_refused():
    rates = load_rates()

    with pytest.raises(RateMissing, match="GBP"):
        rates.rate_on("GBP", date(2026, 11, 21))


def test_two_rates_of_one_day_are_refused():
    day = date(2026, 1, 5)

    with pytest.raises(TableMalformed, match="2026-01-05"):
        Rates([rate_row(day), rate_row(day, "1.2")])


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_a_rate_that_is_no_positive_number_is_refused(table, rate):
    path = table(
        f'[[rate]]\ncurrency = "USD"\ndate = 2026-01-05\nrate = {rate}\nsource = "s"\nretrieved = 2026-01-05\n'
    )

    with pytest.raises(TableMalformed, match="above 0"):
        read_toml(path, RateTable)
