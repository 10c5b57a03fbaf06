"""The footprint of a call, held against EcoLogits itself."""

import logging
from itertools import product
from math import inf, nan

import msgspec
import pytest
from ecologits.electricity_mix_repository import electricity_mixes
from ecologits.impacts.llm import compute_llm_impacts
from ecologits.model_repository import models
from ecologits.tracers.utils import PROVIDER_CONFIG_MAP, llm_impacts
from ecologits.utils.range_value import RangeValue
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metering.impact import METHOD, CarbonUnregistered, Impact, compile_impact
from pricing_tables.loader import load_catalogue
from pricing_tables.model import ByName, ByParameters, ByPower, CarbonUnknown, Model

CATALOGUE = load_catalogue(local_watts=65.0)
RECORDED = [model for model in CATALOGUE if isinstance(model.carbon, ByName)]
ZONES = [None, "FRA", "SWE", "USA", "WOR", "DEU", "IND"]
CLOSE = 1e-12
TOKENS = st.integers(0, 1_000_000)
# A call lasts nothing, at least the microsecond that it is measured to, or for ever; 1e-300 s has no twelve digits.
SECONDS = st.one_of(st.floats(1e-6, 1e4), st.sampled_from([0.0, inf]))
GUESSED = Model(
    name="m",
    provider="cluster",
    upstream="m",
    canonical="cluster/m",
    context_window=1000,
    description="",
    prices=(),
    carbon=CarbonUnknown(),
)


def based_on(carbon, **changes):
    return msgspec.structs.replace(GUESSED, carbon=carbon, **changes)


def ends(value):
    return (value.min, value.max) if isinstance(value, RangeValue) else (value, value)


def mean(value):
    return sum(ends(value)) / 2


def assert_equal(ours, library):
    low, high = ends(library.gwp.value)

    assert (ours.kg_min, ours.kg_max) == (pytest.approx(low, rel=CLOSE, abs=0), pytest.approx(high, rel=CLOSE, abs=0))
    assert ours.kg == pytest.approx((low + high) / 2, rel=CLOSE, abs=0)
    assert ours.energy_kwh == pytest.approx(mean(library.energy.value), rel=CLOSE, abs=0)
    assert ours.water_l == pytest.approx(mean(library.wcf.value), rel=CLOSE, abs=0)
    assert ours.embodied_kg == pytest.approx(mean(library.embodied.gwp.value), rel=CLOSE, abs=0)


COMPILED = {
    (model.name, zone): compile_impact(msgspec.structs.replace(model, zone=zone))
    for model, zone in product(RECORDED, ZONES)
}


@settings(max_examples=300)
@given(model=st.sampled_from(RECORDED), zone=st.sampled_from(ZONES), tokens=TOKENS, seconds=SECONDS)
@example(model=RECORDED[0], zone=None, tokens=0, seconds=inf)
@example(model=RECORDED[0], zone=None, tokens=1, seconds=0.0)
@example(model=RECORDED[1], zone="FRA", tokens=1_000_000, seconds=1e-9)
def test_every_catalogued_model_equals_ecologits_in_every_zone(model, zone, tokens, seconds):
    library = llm_impacts(model.carbon.provider, model.carbon.name, tokens, seconds, zone)

    ours = COMPILED[model.name, zone].impact(tokens, seconds, None)

    assert_equal(ours, library)
    assert ours.warnings == tuple(warning.code for warning in library.warnings or ())
    assert ours.zone == (zone or PROVIDER_CONFIG_MAP[model.carbon.provider].datacenter_location)
    assert ours.basis == "ecologits"


@settings(max_examples=60)
@given(record=st.sampled_from(models.list_models()), tokens=TOKENS, seconds=SECONDS)
def test_any_record_of_ecologits_may_be_named(record, tokens, seconds):
    library = llm_impacts(record.provider.value, record.name, tokens, seconds)

    ours = compile_impact(based_on(ByName(record.provider.value, record.name))).impact(tokens, seconds, None)

    assert_equal(ours, library)


@settings(max_examples=60)
@given(
    active=st.floats(0.01, 2000),
    times=st.floats(1, 50),
    zone=st.sampled_from(["FRA", "WOR", "USA"]),
    pue=st.one_of(st.none(), st.floats(1, 3)),
    tokens=TOKENS,
    seconds=SECONDS,
)
def test_models_by_parameters_equal_ecologits(active, times, zone, pue, tokens, seconds):
    mix = electricity_mixes.find_electricity_mix(zone)
    model = based_on(ByParameters(active_params_b=active, total_params_b=active * times), zone=zone, pue=pue)
    library = compute_llm_impacts(
        model_active_parameter_count=active,
        model_total_parameter_count=active * times,
        output_token_count=tokens,
        request_latency=seconds,
        if_electricity_mix_adpe=mix.adpe,
        if_electricity_mix_pe=mix.pe,
        if_electricity_mix_gwp=mix.gwp,
        if_electricity_mix_wue=mix.wue,
        datacenter_pue=RangeValue(min=1.09, max=1.14) if pue is None else pue,
        datacenter_wue=RangeValue(min=0.13, max=0.99),
    )

    ours = compile_impact(model).impact(tokens, seconds, None)

    assert_equal(ours, library)
    assert (ours.basis, ours.zone) == ("parameters", zone)


def test_a_pue_of_one_s_own_replaces_the_provider_s():
    record = models.find_model("openai", "gpt-4o")
    mix = electricity_mixes.find_electricity_mix("FRA")
    library = compute_llm_impacts(
        model_active_parameter_count=record.architecture.parameters.active,
        model_total_parameter_count=record.architecture.parameters.total,
        output_token_count=250,
        request_latency=inf,
        if_electricity_mix_adpe=mix.adpe,
        if_electricity_mix_pe=mix.pe,
        if_electricity_mix_gwp=mix.gwp,
        if_electricity_mix_wue=mix.wue,
        datacenter_pue=1.5,
        datacenter_wue=0.569,
        tps=record.deployment.tps,
        ttft=record.deployment.ttft,
    )

    ours = compile_impact(based_on(ByName("openai", "gpt-4o"), zone="FRA", pue=1.5)).impact(250, inf, None)

    assert_equal(ours, library)


def test_parameters_without_a_zone_use_the_world_s_mix_or_the_known_provider_s():
    carbon = ByParameters(active_params_b=8, total_params_b=8)

    unknown = compile_impact(based_on(carbon)).impact(1, 1.0, None)
    known = compile_impact(based_on(carbon, provider="mistralai")).impact(1, 1.0, None)

    assert (unknown.zone, known.zone) == ("WOR", "SWE")
    assert known.kg_min == known.kg_max


@pytest.mark.parametrize(("given_s", "as_s"), [(-5.0, 0.0), (-inf, 0.0), (nan, inf)])
@pytest.mark.parametrize("name", ["gpt-4o", "mistral-large-latest"])
def test_a_broken_clock_is_no_time_or_no_clamp(name, given_s, as_s):
    impact_of = compile_impact(CATALOGUE.find(name))

    assert impact_of.impact(250, given_s, None) == impact_of.impact(250, as_s, None)
    assert impact_of.impact(250, given_s, None).kg_min > 0


def test_fewer_than_no_tokens_are_none():
    impact_of = compile_impact(CATALOGUE.find("gpt-4o"))

    assert impact_of.impact(-3, 1.0, None) == impact_of.impact(0, 1.0, None)


@given(model=st.sampled_from(RECORDED), tokens=TOKENS, seconds=SECONDS)
def test_the_scalar_is_the_mean_of_a_range_in_order_that_holds_the_embodied_part(model, tokens, seconds):
    ours = COMPILED[model.name, None].impact(tokens, seconds, None)

    assert 0 <= ours.kg_min <= ours.kg_max
    assert ours.kg == (ours.kg_min + ours.kg_max) / 2
    assert 0 <= ours.embodied_kg <= ours.kg


# FRA: 0.04144 kgCO2eq and 3.6737 L a kWh in EcoLogits 0.11.3.
def test_measured_power_is_watts_times_the_call_s_own_seconds_times_the_mix():
    measured = compile_impact(based_on(ByPower(65), zone="FRA", pue=1.2)).impact(250, 100.0, 5.0)

    kwh = 65 * 5 * 1.2 / 3_600_000
    assert measured.energy_kwh == pytest.approx(kwh, rel=CLOSE)
    assert measured.kg == pytest.approx(kwh * 0.04144, rel=1e-3)
    assert measured.water_l == pytest.approx(kwh * 3.6737, rel=1e-3)
    assert measured.kg == measured.kg_min == measured.kg_max
    assert (measured.basis, measured.zone) == ("measured_power", "FRA")


def test_measured_power_says_that_the_machine_s_making_is_not_counted():
    measured = compile_impact(CATALOGUE.find("smollm2-135m-instruct")).impact(10, 1.0, 1.0)

    assert measured.embodied_kg is None
    assert "embodied-not-measured" in measured.warnings


def test_without_a_processor_measure_the_call_s_duration_is_taken():
    impact_of = compile_impact(CATALOGUE.find("smollm2-135m-instruct"))

    assert impact_of.impact(10, 3.0, None) == impact_of.impact(10, 99.0, 3.0)
    assert impact_of.impact(10, -3.0, None).kg == 0


@pytest.mark.parametrize("seconds", [inf, nan])
def test_power_over_an_unknown_time_is_unknown_and_not_nothing(seconds):
    measured = compile_impact(CATALOGUE.find("smollm2-135m-instruct")).impact(10, seconds, None)

    assert (measured.kg, measured.energy_kwh, measured.water_l) == (None, None, None)
    assert "duration-unknown" in measured.warnings


def test_power_without_a_zone_uses_the_world_s_mix():
    measured = compile_impact(based_on(ByPower(65))).impact(1, 1.0, None)

    assert measured.zone == "WOR"


def test_a_model_of_unknown_carbon_has_no_figure_and_a_warning():
    unknown = compile_impact(GUESSED).impact(250, 1.0, 1.0)

    assert unknown == Impact(warnings=("model-not-registered",))


@pytest.mark.parametrize(
    ("model", "mend"),
    [
        (based_on(ByName("openai", "whisper-1")), "openai/whisper-1"),
        (based_on(ByName("azure", "gpt-4o")), "azure/gpt-4o"),
        (based_on(ByName("mistralai", "mistral-large-2411")), "say carbon"),
        (based_on(ByName("openai", "gpt-4o"), zone="fra"), "'fra'"),
        (based_on(ByParameters(active_params_b=1, total_params_b=1), zone="XXX"), "ISO alpha-3"),
        (based_on(ByPower(65), zone="EU"), "'EU'"),
        (based_on(ByPower(0)), "above 0"),
        (based_on(ByPower(-1)), "above 0"),
        (based_on(ByPower(nan)), "above 0"),
        (based_on(ByPower(65), pue=0.9), "PUE"),
        (based_on(ByName("openai", "gpt-4o"), pue=nan), "PUE"),
    ],
)
def test_a_basis_that_cannot_be_used_is_refused_at_start_up_by_name_with_the_mend(model, mend):
    with pytest.raises(CarbonUnregistered) as refusal:
        compile_impact(model)

    assert "'m'" in str(refusal.value)
    assert mend in str(refusal.value)


def test_the_method_is_the_installed_library():
    assert METHOD == "ecologits==0.11.3"


def test_later_loggers_are_not_those_of_the_library():
    fresh = logging.getLogger("tests.unit.metering.fresh")

    assert not type(fresh).__module__.startswith("ecologits")
