"""Energy, grams and water of one call, equal to EcoLogits or measured, with their range and basis."""

from typing import Literal

from msgspec import Struct

Basis = Literal["ecologits", "parameters", "measured_power", "unknown"]


class Impact(Struct, frozen=True, kw_only=True):
    """Footprint of one call; every figure is None where it is unknown.

    Units: kgCO2eq (use and embodied together; `embodied_kg` is the embodied part), kWh, litres.
    The scalar is the arithmetic mean of its range. `warnings` are stable codes, such as `model-not-registered`.
    """

    kg: float | None = None
    kg_min: float | None = None
    kg_max: float | None = None
    energy_kwh: float | None = None
    water_l: float | None = None
    embodied_kg: float | None = None
    basis: Basis = "unknown"
    zone: str | None = None
    warnings: tuple[str, ...] = ()
