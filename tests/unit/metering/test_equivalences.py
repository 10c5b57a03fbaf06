"""Footprints retold: published factors, exact and linear."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from metering.equivalences import equivalences, published

KG = st.decimals("0.000000000001", "1000", places=15)


def test_the_contract_s_factors_are_used():
    told = equivalences(Decimal("0.00042"), Decimal("0.0123"))

    assert told.car_km == Decimal("0.00295247755396514")
    assert told.tgv_km == Decimal("0.143344709897611")
    assert told.smartphone_charges == Decimal("0.0338709677419355")
    assert told.water_liters == Decimal("0.0123")


def test_without_grams_what_derives_from_them_is_unknown_and_water_stays():
    told = equivalences(None, Decimal("0.5"))

    assert (told.car_km, told.tgv_km, told.smartphone_charges) == (None, None, None)
    assert told.water_liters == Decimal("0.5")


def test_without_water_the_rest_stays():
    told = equivalences(Decimal(1), None)

    assert told.water_liters is None
    assert told.car_km > 0


def test_no_footprint_is_no_kilometre():
    told = equivalences(Decimal(0), Decimal(0))

    assert (told.water_liters, told.car_km, told.tgv_km, told.smartphone_charges) == (0, 0, 0, 0)


@given(kg=KG, times=st.integers(1, 10_000))
def test_equivalences_are_linear_in_the_footprint(kg, times):
    one, many = equivalences(kg, None), equivalences(kg * times, None)

    for name in ("car_km", "tgv_km", "smartphone_charges"):
        expected = getattr(one, name) * times
        assert abs(getattr(many, name) - expected) <= expected * Decimal("1e-13")


def test_the_published_factors_are_those_used_with_unit_source_and_date():
    factors = published().factors

    told = equivalences(Decimal(1), None)

    for factor in factors:
        assert abs(getattr(told, factor.name) * factor.value - 1) < Decimal("1e-13")
    assert {factor.name for factor in factors} == {"car_km", "tgv_km", "smartphone_charges"}
    assert all(factor.unit.startswith("kgCO2eq/") and factor.source and factor.retrieved for factor in factors)
    assert "not a conversion" in published().water_liters
