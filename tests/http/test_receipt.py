"""The receipt: its keys, its sums, and every figure done again by hand (M-1 to M-11)."""

import json
from decimal import Decimal
from typing import Any

import pytest
from ecologits.tracers.utils import llm_impacts

from tests.gateway import Client, exact
from tests.upstream import STORY, USAGE, Upstream
from tests.wire import stream

KEYS = {
    *("usage", "usage_by_model", "latency_s", "emissions_kgCO2eq", "emissions_gCO2eq", "pricing", "equivalences"),
    *("emissions_range_kgCO2eq", "energy_kWh", "embodied_kgCO2eq", "emissions_by_model", "method", "usage_source"),
    *("attempts", "resolved_model", "ttft_s", "overhead_s", "warnings", "request_id", "calls"),
}
CALL_KEYS = {
    *("model", "canonical", "provider", "upstream_s", "ttft_s", "status", "usage_source", "tokens", "cost_eur"),
    *("kgCO2eq", "min", "max", "basis", "zone"),
}
BUCKETS = {
    *("input_uncached", "cache_read", "cache_write", "output_visible", "reasoning", "audio_input", "audio_output"),
}
MILLION = Decimal(1_000_000)
CLOSE = 1e-8  # the published figures have at least nine significant digits (M-5)


def receipt_of(client: Client, prompt: str, *, streamed: bool = False, **fields: object) -> dict[str, Any]:
    """Ask, check the invariants, and return the metadata."""
    if streamed:
        receipt = stream(client, prompt, **fields).events[-1]["metadata"]
    else:
        response = client.ask(prompt, **fields)
        assert response.status_code == 200, response.text
        receipt = exact(response.text)["metadata"]
    check(receipt)
    return receipt


def check(receipt: dict[str, Any]) -> None:
    """M-1, M-3b, M-4: every key is there and every sum adds up, exactly."""
    assert set(receipt) >= KEYS
    calls, pricing, usage = receipt["calls"], receipt["pricing"], receipt["usage"]
    assert all(set(call) >= CALL_KEYS and set(call["tokens"]) == BUCKETS for call in calls)
    assert receipt["attempts"] == len(calls)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        assert usage[name] == sum(row[name] for row in receipt["usage_by_model"].values())
    tokens = [call["tokens"] for call in calls]
    read = ("input_uncached", "cache_read", "cache_write", "audio_input")
    assert usage["input_tokens"] == sum(row[name] for row in tokens for name in read)
    assert usage["output_tokens"] == sum(row[name] for row in tokens for name in BUCKETS - set(read))
    assert pricing["currency"] == "EUR"
    for row in pricing["by_model"].values():
        assert row["total"] == row["input"] + row["output"]
    assert pricing["total_cost"] == sum(row["total"] for row in pricing["by_model"].values())
    assert pricing["total_cost"] == sum(call["cost_eur"] for call in calls)
    check_emissions(receipt)


def check_emissions(receipt: dict[str, Any]) -> None:
    calls, kg, told = receipt["calls"], receipt["emissions_kgCO2eq"], receipt["equivalences"]
    if kg is None:
        assert receipt["emissions_gCO2eq"] is None
        assert receipt["warnings"]
        assert [told[name] for name in ("car_km", "tgv_km", "smartphone_charges")] == [None] * 3
        return
    assert receipt["emissions_gCO2eq"] == 1000 * kg
    assert kg == sum(call["kgCO2eq"] for call in calls)
    assert kg == sum(row["kgCO2eq"] for row in receipt["emissions_by_model"].values())
    spread = receipt["emissions_range_kgCO2eq"]
    assert [spread["min"], spread["max"]] == [sum(call[bound] for call in calls) for bound in ("min", "max")]
    assert 0 <= spread["min"] <= kg <= spread["max"]
    assert receipt["energy_kWh"] == sum(row["energy_kWh"] for row in receipt["emissions_by_model"].values())
    assert 0 <= receipt["embodied_kgCO2eq"] <= kg
    assert told["water_liters"] == sum(row["water_liters"] for row in receipt["emissions_by_model"].values())
    assert receipt["latency_s"] >= max(call["upstream_s"] for call in calls) > 0
    assert receipt["overhead_s"] >= 0
    assert receipt["method"] == "ecologits==0.11.3"


def buckets(**counts: int) -> dict[str, int]:
    return dict.fromkeys(BUCKETS, 0) | counts


def details(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion} | more


COUNTED = {
    "plain": ("gpt-4o", USAGE, buckets(input_uncached=25, output_visible=98)),
    "large": (
        "gpt-4o",
        details(120_000, 16_000),
        buckets(input_uncached=120_000, output_visible=16_000),
    ),
    "cached": (
        "gpt-4o",
        details(1000, 50, prompt_tokens_details={"cached_tokens": 640, "audio_tokens": 0}),
        buckets(input_uncached=360, cache_read=640, output_visible=50),
    ),
    "reasoning": (
        "gpt-4o",
        details(100, 90, completion_tokens_details={"reasoning_tokens": 60, "accepted_prediction_tokens": 0}),
        buckets(input_uncached=100, output_visible=30, reasoning=60),
    ),
    "null-details": (
        "gpt-4o",
        details(10, 20, prompt_tokens_details=None, completion_tokens_details=None, cost=0.1, service_tier="x"),
        buckets(input_uncached=10, output_visible=20),
    ),
    "mistral": ("mistral-large-latest", USAGE, buckets(input_uncached=25, output_visible=98)),
    "mistral-cached": (
        "mistral-large-latest",
        details(1000, 50, prompt_tokens_details={"cached_tokens": 640}, num_cached_tokens=640),
        buckets(input_uncached=360, cache_read=640, output_visible=50),
    ),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("model", "usage", "expected"), COUNTED.values(), ids=COUNTED)
def test_vendors_counts_fall_into_disjoint_buckets(
    client: Client, upstream: Upstream, model: str, usage: dict[str, Any], expected: dict[str, int], *, streamed: bool
) -> None:
    receipt = receipt_of(client, upstream.expect(usage=usage), model=model, streamed=streamed)

    (call,) = receipt["calls"]
    assert call["tokens"] == expected
    assert call["usage_source"] == receipt["usage_source"] == "provider"
    assert (call["status"], call["model"]) == ("ok", model)


ABSURD = {
    "missing": None,
    "empty": {},
    "negative": details(-25, 98),
    "text": details(25, 98) | {"completion_tokens": "98"},
    "2^63": details(2**63, 98),
    "no-output-for-a-text": details(25, 0),
    "fraction": details(25, 98) | {"completion_tokens": 98.5},
    "boolean": details(25, 98) | {"completion_tokens": True},
    "wrong-total": details(25, 98) | {"total_tokens": 7},
    "more-cached-than-read": details(25, 98, prompt_tokens_details={"cached_tokens": 26}),
    "more-reasoning-than-written": details(25, 98, completion_tokens_details={"reasoning_tokens": 99}),
    "null-counts": {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
}


# Counts that cannot be true are replaced by our own, and said to be estimated.
@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("model", ["gpt-4o", "mistral-large-latest"])
@pytest.mark.parametrize("usage", ABSURD.values(), ids=ABSURD)
def test_absurd_usage_is_estimated(
    client: Client, upstream: Upstream, usage: dict[str, Any] | None, model: str, *, streamed: bool
) -> None:
    receipt = receipt_of(client, upstream.expect(usage=usage), model=model, streamed=streamed)

    assert receipt["usage_source"] == "estimated"
    assert 3 <= receipt["usage"]["input_tokens"] <= 60
    assert 3 <= receipt["usage"]["output_tokens"] <= 2 * len("".join(STORY))
    assert receipt["pricing"]["total_cost"] > 0


# M-5, M-6: prices as published in /models, footprint as EcoLogits itself gives it for the canonical record.
def test_every_catalogued_model_can_be_done_again_by_hand(client: Client, upstream: Upstream) -> None:
    for row in exact(client.get("/models").text)["models"]:
        receipt = receipt_of(client, upstream.expect(usage=details(1234, 567)), model=row["name"])

        prices, cost = row["pricing_eur_per_million"], receipt["pricing"]["by_model"][row["name"]]
        assert float(cost["input"]) == pytest.approx(float(1234 * Decimal(prices["input"]) / MILLION), rel=CLOSE)
        assert float(cost["output"]) == pytest.approx(float(567 * Decimal(prices["output"]) / MILLION), rel=CLOSE)
        (call,) = receipt["calls"]
        assert call["basis"] == "ecologits"
        check_against_ecologits(call, 567)


def check_against_ecologits(call: dict[str, Any], tokens: int) -> None:
    provider, name = call["canonical"].split("/")
    impact = llm_impacts(provider, name, tokens, float(call["upstream_s"]), electricity_mix_zone=call["zone"])
    value = impact.gwp.value
    low, mean, high = (value.min, value.mean, value.max) if hasattr(value, "mean") else (value, value, value)
    told = [float(call[key]) for key in ("min", "kgCO2eq", "max")]
    assert told == pytest.approx([low, mean, high], rel=CLOSE), call["canonical"]


# M-6: the canonical record, whatever dated name the vendor echoes.
@pytest.mark.parametrize(
    ("model", "canonical"),
    [
        ("gpt-4o", "openai/gpt-4o"),
        ("gpt-3.5-turbo", "openai/gpt-3.5-turbo"),
        ("mistral-large-latest", "mistralai/mistral-large-2512"),
    ],
)
def test_carbon_follows_the_canonical_record(client: Client, upstream: Upstream, model: str, canonical: str) -> None:
    (call,) = receipt_of(client, upstream.expect(), model=model)["calls"]

    assert call["canonical"] == canonical


# facts/carbon_cost.md 3.2: Mistral publishes euros; cached input costs a tenth.
def test_native_euro_price_needs_no_exchange(client: Client, upstream: Upstream) -> None:
    usage = details(1000, 50, prompt_tokens_details={"cached_tokens": 640})

    receipt = receipt_of(client, upstream.expect(usage=usage), model="mistral-large-latest")

    cost = receipt["pricing"]["by_model"]["mistral-large-latest"]
    assert cost["input"] == (360 * Decimal("0.44") + 640 * Decimal("0.044")) / MILLION
    assert cost["output"] == 50 * Decimal("1.3") / MILLION
    assert "exchange" not in receipt


# Dollars are turned into euros at a dated rate that the receipt shows; cached input of gpt-4o costs half.
def test_dollar_price_shows_its_exchange(client: Client, upstream: Upstream) -> None:
    usage = details(1000, 50, prompt_tokens_details={"cached_tokens": 640})

    receipt = receipt_of(client, upstream.expect(usage=usage), model="gpt-4o")

    rate = receipt["exchange"]["USD"]
    assert len(rate["date"]) == len("YYYY-MM-DD")
    cost = receipt["pricing"]["by_model"]["gpt-4o"]
    read = (360 * Decimal("2.5") + 640 * Decimal("1.25")) / MILLION / rate["rate"]
    assert float(cost["input"]) == pytest.approx(float(read), rel=CLOSE)
    assert float(cost["output"]) == pytest.approx(float(50 * Decimal(10) / MILLION / rate["rate"]), rel=CLOSE)


# M-7: reading more does not emit more; writing more does.
def test_footprint_grows_with_what_is_written(client: Client, upstream: Upstream) -> None:
    prompts = [upstream.expect(usage=details(*counts)) for counts in ((10, 100), (10_000, 100))]

    short, long = (receipt_of(client, prompt)["calls"][0] for prompt in prompts)

    for call in (short, long):
        check_against_ecologits(call, 100)


# M-9: a pipeline of several calls adds them up under each model.
@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
def test_pipeline_is_metered_call_by_call(client: Client, upstream: Upstream, *, streamed: bool) -> None:
    prompt = upstream.expect()

    receipt = receipt_of(client, prompt, agent="V1", streamed=streamed)

    assert receipt["attempts"] == len(upstream.seen(prompt)) >= 1
    assert receipt["usage"]["total_tokens"] == receipt["attempts"] * USAGE["total_tokens"]


# A question that the plan splits: the plan, its parts, and the call that composes them (M-9).
@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
def test_split_question_is_metered_part_by_part(client: Client, upstream: Upstream, *, streamed: bool) -> None:
    parts = [{"question": "Quelle ville ?", "after": []}, {"question": "Quel pays ?", "after": [0]}]
    prompt = upstream.expect(shaped=json.dumps({"parts": parts}))

    receipt = receipt_of(client, prompt, agent="V1", streamed=streamed)

    assert receipt["attempts"] == 1 + len(parts) + 1
    assert receipt["usage"]["total_tokens"] == receipt["attempts"] * USAGE["total_tokens"]
    assert list(receipt["usage_by_model"]) == ["gpt-4o"]


# A failed attempt is a row of its own and owes what the vendor took.
def test_failed_call_is_in_the_books(client: Client, upstream: Upstream) -> None:
    prompt = upstream.expect(status=500)

    response = client.ask(prompt)

    rows = [row for row in client.gateway.books() if row["request_id"] == response.headers["X-Request-Id"]]
    assert [row["status"] for row in rows] == ["error"]
    assert rows[0]["attempts"] == len(upstream.seen(prompt))
    assert rows[0]["cost_eur"] == 0
