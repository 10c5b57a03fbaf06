"""Energy, grams and water of one call, equal to EcoLogits or measured, with their range and basis."""

import logging
from collections.abc import Iterable
from math import inf, isfinite
from typing import Literal, NamedTuple, Protocol

import ecologits
from ecologits.electricity_mix_repository import ElectricityMix, electricity_mixes
from ecologits.impacts.llm import compute_llm_impacts_dag
from ecologits.model_repository import ParametersMoE, models
from ecologits.status_messages import WarningMessage
from ecologits.tracers.utils import PROVIDER_CONFIG_MAP
from ecologits.utils.range_value import RangeValue, ValueOrRange
from msgspec import Struct

from pricing_tables.model import ByName, ByParameters, ByPower, CarbonUnknown, Model

# EcoLogits makes every later logger of the process one of its own; the standard class is put back.
logging.setLoggerClass(logging.Logger)

METHOD = f"ecologits=={ecologits.__version__}"
WORLD = "WOR"  # EcoLogits' zone of the average electricity mix
JOULES_A_KWH = 3_600_000
Side = Literal["min", "max"]
Basis = Literal["ecologits", "parameters", "measured_power", "unknown"]


class CarbonUnregistered(ValueError):
    """The model's carbon basis names what the pinned EcoLogits does not know, or a power that is none."""


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


class ImpactOf(Protocol):
    """The footprint of any call of one model."""

    def impact(self, output_tokens: int, upstream_s: float, busy_s: float | None) -> Impact:
        """Return the footprint of one call.

        Args:
            output_tokens: Everything generated, reasoning included; below 0 counts as 0.
            upstream_s: Seconds the upstream call took, from 0; below 0 counts as 0, infinite or NaN as not measured.
            busy_s: The call's own share of its machine's processor time, in seconds, where that is measured.

        """
        ...


def compile_impact(model: Model) -> ImpactOf:
    """Prepare the footprint of `model`'s calls: all that can be refused is refused here.

    `zone` and `pue` of the model override the defaults, which are:
    by name: EcoLogits' own for the record's provider;
    by parameters: EcoLogits' own for the model's provider, else the world's mix, and PUE 1.09 to 1.14 and WUE 0.13 to
    0.99 L/kWh, what EcoLogits assumes for an open model on unknown machines (batch 64, 16 bits, 80 GB GPUs);
    by power: the world's mix and PUE 1.

    Raises:
        CarbonUnregistered: A record, zone or power that cannot be used; the message names the model and the mend.

    """
    match model.carbon:
        case ByName():
            return _Affine(_recorded(model, model.carbon), "ecologits")
        case ByParameters():
            return _Affine(_sized(model, model.carbon), "parameters")
        case ByPower():
            return _Powered(model, model.carbon)
        case CarbonUnknown():
            return _Unknown()


def grid_kg_per_kwh(zone: str | None, method: str | None) -> float | None:
    """Return the kgCO2eq of a kWh in a zone, where the method is that of the installed library and knows it."""
    return getattr(electricity_mixes.find_electricity_mix(zone), "gwp", None) if zone and method == METHOD else None


class _Deployment(NamedTuple):
    """What EcoLogits asks of a model and its data centre: billions of parameters, seconds, L/kWh."""

    active: ValueOrRange
    total: ValueOrRange
    pue: ValueOrRange
    wue: ValueOrRange
    mix: ElectricityMix
    tps: float | None = None
    ttft: float | None = None
    warnings: tuple[str, ...] = ()


class _Line(NamedTuple):
    """One criterion, straight in tokens and in seconds."""

    a_token: float
    a_second: float

    def at(self, tokens: int, seconds: float) -> float:
        return self.a_token * tokens + self.a_second * seconds


class _End(NamedTuple):
    """One end of the range; `pace` is seconds a token."""

    pace: float
    ttft: float
    energy: _Line
    use: _Line
    embodied: _Line
    water: _Line

    def seconds(self, tokens: int, upstream_s: float) -> float:
        """Return the seconds of generation: as long as the model takes, never longer than was measured."""
        return min(tokens * self.pace + self.ttft, upstream_s)  # in this order NaN leaves the first


class _Affine:
    """EcoLogits for one model: its results are affine in tokens and in seconds of generation, at each end.

    Source: EcoLogits methodology, LLM inference; JOSS 10.21105/joss.07471.
    """

    def __init__(self, deployment: _Deployment, basis: Basis) -> None:
        self._low = _end(deployment, "min")
        self._high = _end(deployment, "max")
        self._basis: Basis = basis
        self._zone = deployment.mix.zone
        self._warnings = deployment.warnings

    def impact(self, output_tokens: int, upstream_s: float, busy_s: float | None) -> Impact:
        del busy_s
        low, high = self._low, self._high
        tokens = max(output_tokens, 0)
        measured_s = max(upstream_s, 0.0)  # a clock that went back would make emissions negative
        low_s, high_s = low.seconds(tokens, measured_s), high.seconds(tokens, measured_s)
        embodied_min, embodied_max = low.embodied.at(tokens, low_s), high.embodied.at(tokens, high_s)
        kg_min = low.use.at(tokens, low_s) + embodied_min
        kg_max = high.use.at(tokens, high_s) + embodied_max
        return Impact(
            kg=(kg_min + kg_max) / 2,
            kg_min=kg_min,
            kg_max=kg_max,
            energy_kwh=(low.energy.at(tokens, low_s) + high.energy.at(tokens, high_s)) / 2,
            water_l=(low.water.at(tokens, low_s) + high.water.at(tokens, high_s)) / 2,
            embodied_kg=(embodied_min + embodied_max) / 2,
            basis=self._basis,
            zone=self._zone,
            warnings=self._warnings,
        )


class _Powered:
    """Watts at full load for the call's own seconds of the machine; what making the machine cost is not measured."""

    def __init__(self, model: Model, power: ByPower) -> None:
        if not 0 < power.watts < inf:
            raise CarbonUnregistered(f"model {model.name!r}: {power.watts} is no power: give watts above 0")
        mix = _mix(model, WORLD)
        self._kwh_a_second = power.watts * _side(_pue(model, 1.0), "min") / JOULES_A_KWH
        self._mix = mix
        self._warnings = ("embodied-not-measured", *_codes(mix.warnings))

    def impact(self, output_tokens: int, upstream_s: float, busy_s: float | None) -> Impact:
        del output_tokens
        seconds = upstream_s if busy_s is None else busy_s
        if not isfinite(seconds):
            return Impact(basis="measured_power", zone=self._mix.zone, warnings=(*self._warnings, "duration-unknown"))
        energy_kwh = self._kwh_a_second * max(seconds, 0.0)
        kg = energy_kwh * self._mix.gwp
        return Impact(
            kg=kg,
            kg_min=kg,
            kg_max=kg,
            energy_kwh=energy_kwh,
            water_l=energy_kwh * self._mix.wue,
            basis="measured_power",
            zone=self._mix.zone,
            warnings=self._warnings,
        )


class _Unknown:
    """Nothing is known, and nothing is made up."""

    def impact(self, output_tokens: int, upstream_s: float, busy_s: float | None) -> Impact:
        del output_tokens, upstream_s, busy_s
        return Impact(warnings=("model-not-registered",))


def _recorded(model: Model, by: ByName) -> _Deployment:
    """Read the record as EcoLogits does."""
    record = models.find_model(provider=by.provider, model_name=by.name)
    if record is None:
        raise CarbonUnregistered(
            f"model {model.name!r}: {METHOD} has no record {by.provider}/{by.name}: name another in ecologits, "
            'give a [model.carbon] table, or say carbon = "unknown"'
        )
    size = record.architecture.parameters
    centre = PROVIDER_CONFIG_MAP[by.provider]
    mix = _mix(model, centre.datacenter_location)
    return _Deployment(
        active=size.active if isinstance(size, ParametersMoE) else size,
        total=size.total if isinstance(size, ParametersMoE) else size,
        pue=_pue(model, centre.datacenter_pue),
        wue=centre.datacenter_wue,
        mix=mix,
        tps=record.deployment.tps if record.deployment else None,
        ttft=record.deployment.ttft if record.deployment else None,
        warnings=_codes((*record.warnings, *mix.warnings)),
    )


def _sized(model: Model, by: ByParameters) -> _Deployment:
    known = PROVIDER_CONFIG_MAP.get(model.provider)
    centre = known or PROVIDER_CONFIG_MAP["huggingface_hub"]
    mix = _mix(model, known.datacenter_location if known else WORLD)
    return _Deployment(
        active=by.active_params_b,
        total=by.total_params_b,
        pue=_pue(model, centre.datacenter_pue),
        wue=centre.datacenter_wue,
        mix=mix,
        warnings=_codes(mix.warnings),
    )


def _mix(model: Model, default_zone: str) -> ElectricityMix:
    zone = default_zone if model.zone is None else model.zone
    mix = electricity_mixes.find_electricity_mix(zone)
    if mix is None:
        raise CarbonUnregistered(
            f"model {model.name!r}: {METHOD} has no electricity mix of zone {zone!r}: give an ISO alpha-3 code "
            f"in capitals, such as FRA, or {WORLD}"
        )
    return mix


def _pue(model: Model, default: ValueOrRange) -> ValueOrRange:
    if model.pue is None:
        return default
    if not 1 <= model.pue < inf:
        raise CarbonUnregistered(f"model {model.name!r}: a PUE is 1 or more, not {model.pue}")
    return model.pue


def _end(deployment: _Deployment, side: Side) -> _End:
    """Probe EcoLogits at one token without seconds, then at one second without tokens."""
    token = _probe(deployment, side, tokens=1, latency=0, ttft=None)
    second = _probe(deployment, side, tokens=0, latency=inf, ttft=1)
    return _End(
        pace=_probe(deployment, side, tokens=1, latency=inf, ttft=None)["generation_latency"],
        ttft=deployment.ttft or 0.0,
        energy=_Line(token["request_energy"], second["request_energy"]),
        use=_Line(token["request_usage_gwp"], second["request_usage_gwp"]),
        embodied=_Line(token["request_embodied_gwp"], second["request_embodied_gwp"]),
        water=_Line(token["request_usage_wcf"], second["request_usage_wcf"]),
    )


def _probe(deployment: _Deployment, side: Side, *, tokens: int, latency: float, ttft: float | None) -> dict[str, float]:
    states = compute_llm_impacts_dag(
        model_active_parameter_count=_side(deployment.active, side),
        model_total_parameter_count=_side(deployment.total, side),
        output_token_count=tokens,
        request_latency=latency,
        if_electricity_mix_adpe=deployment.mix.adpe,
        if_electricity_mix_pe=deployment.mix.pe,
        if_electricity_mix_gwp=deployment.mix.gwp,
        if_electricity_mix_wue=deployment.mix.wue,
        datacenter_pue=_side(deployment.pue, side),
        datacenter_wue=_side(deployment.wue, side),
        tps=deployment.tps,
        ttft=ttft,
    )
    return {name: state for name, state in states.items() if isinstance(state, int | float)}


def _side(value: ValueOrRange, side: Side) -> float:
    return float(getattr(value, side)) if isinstance(value, RangeValue) else float(value)


def _codes(warnings: Iterable[WarningMessage]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(warning.code for warning in warnings))
