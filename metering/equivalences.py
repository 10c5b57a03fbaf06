"""Footprints retold in kilometres and telephone charges, by the published factors of factors.toml."""

from datetime import date
from decimal import Context, Decimal
from pathlib import Path
from typing import Literal

from msgspec import Struct

from metering.receipt import Equivalences
from pricing_tables.loader import read_toml

WATER_SOURCE = (
    "not a conversion: litres of water of the electricity and the data centre, as EcoLogits computes them; "
    "for measured power, kWh times the litres a kWh of the zone"
)

# 15 digits are all that a reader's float carries; more would only lengthen every receipt.
_SHOWN = Context(prec=15)


class Factor(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One factor: `value` kgCO2eq make one unit of `name`."""

    name: Literal["car_km", "tgv_km", "smartphone_charges"]
    value: Decimal
    unit: str
    source: str
    retrieved: date

    def __post_init__(self) -> None:
        if not self.value.is_finite() or self.value <= 0:
            raise ValueError("a factor is a finite number above 0")


class Published(Struct, frozen=True):
    """How equivalences are derived; `water_liters` says why water has no factor."""

    factors: tuple[Factor, ...]
    water_liters: str


class _FactorTable(Struct, frozen=True, forbid_unknown_fields=True):
    factor: tuple[Factor, Factor, Factor]


_FACTORS = read_toml(Path(__file__).with_name("factors.toml"), _FactorTable).factor
_NOTHING = Decimal(0)
_KG = {factor.name: factor.value for factor in _FACTORS}


def equivalences(kg: Decimal | None, water_l: Decimal | None) -> Equivalences:
    """Retell a footprint.

    Args:
        kg: kgCO2eq; None makes what derives from it None.
        water_l: Litres, a physical figure that is passed on as it is.

    Returns:
        Units as named, to 15 significant digits.

    """
    if kg is None:
        return Equivalences(water_l, None, None, None)
    if not kg:
        # Nothing divided keeps the exponents of its divisors, as 0E+8.
        return Equivalences(water_l, _NOTHING, _NOTHING, _NOTHING)
    return Equivalences(
        water_l,
        _SHOWN.divide(kg, _KG["car_km"]),
        _SHOWN.divide(kg, _KG["tgv_km"]),
        _SHOWN.divide(kg, _KG["smartphone_charges"]),
    )


def published() -> Published:
    """Return the factors with their sources."""
    return Published(_FACTORS, WATER_SOURCE)
