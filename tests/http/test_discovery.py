"""What the gateway says of itself: models, agents, health, equivalences, metrics (2.5, C-9, M-10, T-1)."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway import Client, Gateway, exact, refused
from tests.upstream import Upstream
from tests.wire import stream

SEED_ROWS = [
    {
        "name": "gpt-4o",
        "provider": "openai",
        "description": "GPT-4 Omni - Most capable model",
        "supports_streaming": True,
        "context_window": 128_000,
    },
    {
        "name": "mistral-large-latest",
        "provider": "mistralai",
        "description": "Mistral Large - Top-tier reasoning",
        "supports_streaming": True,
        "context_window": 32_000,
    },
]
AGENTS = {
    "agents": [
        {"type": "V1", "name": "V1", "description": "Current production orchestrated workflow", "available": True},
        {"type": "V2", "name": "V2", "description": "Isolated V2 workflow (default)", "available": True},
    ],
    "total": 2,
}
# 2.5.4: family, type, labels
METRICS = {
    "router_requests": ("counter", {"route", "method", "status"}),
    "router_tokens": ("counter", {"model", "agent", "direction"}),
    "router_cost_eur": ("counter", {"model"}),
    "router_emissions_kgco2eq": ("counter", {"model", "bound"}),
    "router_energy_kwh": ("counter", {"model"}),
    "router_water_liters": ("counter", {"model"}),
    "router_latency_seconds": ("histogram", None),
    "router_ttft_seconds": ("histogram", None),
    "router_overhead_seconds": ("histogram", None),
    "router_inflight_requests": ("gauge", None),
    "router_upstream_errors": ("counter", {"provider", "code"}),
    "router_ratelimited": ("counter", {"kind"}),
    "router_stream_disconnects": ("counter", set()),
    "router_unmetered": ("counter", {"reason"}),
}
KG_A_CAR_KM = Decimal("0.14225341222954335")  # ADEME Impact CO2, thermal car, use and build, 2025 model
KG_A_TGV_KM = Decimal("0.00293")  # ADEME Base Empreinte 43256
KG_A_CHARGE = Decimal("0.0124")  # US EPA


# 2.5.1
def test_models_lists_the_catalogue(client: Client) -> None:
    listing = client.get("/models").json()

    assert set(listing) == {"models", "total"}
    assert listing["total"] == len(listing["models"]) == 8
    rows = {row["name"]: row for row in listing["models"]}
    assert {"gpt-4o", "gpt-3.5-turbo", "mistral-large-latest"} <= set(rows)
    for seed in SEED_ROWS:
        assert rows[seed["name"]] | seed == rows[seed["name"]]
    for row in rows.values():
        assert row["provider"] in {"openai", "mistralai"}
        assert row["supports_streaming"] is True
        assert row["context_window"] > 0
        assert row["description"]
        assert row["available"] is True
        assert set(row["pricing_eur_per_million"]) >= {"input", "output"}
        assert row["emissions"]
    assert not [name for name in rows if "whisper" in name or "transcribe" in name]


# 2.5.2
def test_agents_is_the_seeds_answer(client: Client) -> None:
    assert client.get("/agents").json() == AGENTS


# 2.5.3
@pytest.mark.parametrize("query", ["", "?deep=1"])
def test_health_is_public_and_stamped_in_naive_utc(gateway: Gateway, query: str) -> None:
    response = requests.get(f"{gateway.url}/health{query}", timeout=10)

    assert response.status_code == 200
    health = response.json()
    assert {"status", "version", "title", "environment", "timestamp"} <= set(health)
    if not query:
        assert health["status"] == "healthy"
        assert list(health) == ["status", "version", "title", "environment", "timestamp"]
    assert (health["version"], health["title"]) == ("1.0.0", "CAPL Routeur IA API")
    assert health["environment"] == "development"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", health["timestamp"])
    age = datetime.now(UTC) - datetime.fromisoformat(health["timestamp"]).replace(tzinfo=UTC)
    assert abs(age.total_seconds()) < 10


# T-1, C-9
def test_head_of_the_root_is_answered_to_anyone(gateway: Gateway) -> None:
    assert requests.head(f"{gateway.url}/", timeout=10).status_code in {200, 204}


# C-9: nothing else is public.
@pytest.mark.parametrize("path", ["/schema", "/schema/openapi.json", "/docs", "/openapi.json", "/nowhere"])
def test_nothing_else_answers_a_stranger(gateway: Gateway, path: str) -> None:
    response = requests.get(gateway.url + path, timeout=10)

    assert response.status_code in {401, 404}
    refused(response, response.status_code, "unauthorized" if response.status_code == 401 else "not_found")


def test_unknown_path_is_not_found(client: Client) -> None:
    refused(client.get("/nowhere"), 404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("GET", "/completion"), ("DELETE", "/models"), ("PUT", "/health")])
def test_wrong_method_is_refused_in_our_family(client: Client, method: str, path: str) -> None:
    response = requests.request(method, client.gateway.url + path, headers=client.bearer, timeout=10)

    assert response.status_code in {404, 405}
    assert response.json()["status_code"] == response.status_code
    assert response.json()["error"]["request_id"] == response.headers["X-Request-Id"]


# M-10
def test_equivalences_publishes_its_factors_and_sources(gateway: Gateway) -> None:
    response = requests.get(f"{gateway.url}/equivalences", timeout=10)

    assert response.status_code == 200
    for known in ("0.14225341", "0.00293", "0.0124", "ADEME", "EPA", "car_km", "tgv_km", "smartphone_charges"):
        assert known in response.text


def test_equivalences_of_an_answer_follow_the_factors(client: Client, upstream: Upstream) -> None:
    receipt = exact(client.ask(upstream.expect()).text)["metadata"]

    kg, told = receipt["emissions_kgCO2eq"], receipt["equivalences"]
    assert set(told) == {"water_liters", "car_km", "tgv_km", "smartphone_charges"}
    for name, factor in (("car_km", KG_A_CAR_KM), ("tgv_km", KG_A_TGV_KM), ("smartphone_charges", KG_A_CHARGE)):
        assert float(told[name]) == pytest.approx(float(kg / factor), rel=1e-6)
    assert told["water_liters"] > 0


# 2.5.4
def test_metrics_has_every_family_with_its_labels(client: Client, gateway: Gateway, upstream: Upstream) -> None:
    client.ask(upstream.expect())
    client.ask(upstream.expect(status=500))
    stream(client, upstream.expect())

    families = {family.name: family for family in text_string_to_metric_families(gateway.metrics())}

    for name, (kind, labels) in METRICS.items():
        assert name in families, name
        assert families[name].type == kind
        for sample in families[name].samples:
            assert labels is None or set(sample.labels) == labels
    bounds = {sample.labels["bound"] for sample in families["router_emissions_kgco2eq"].samples if sample.labels}
    assert bounds == {"min", "mean", "max"}


def test_metrics_are_the_text_that_prometheus_reads(gateway: Gateway) -> None:
    response = requests.get(f"{gateway.url}/metrics", timeout=10)

    kind, *parameters = response.headers["Content-Type"].split("; ")
    assert kind in {"text/plain", "application/openmetrics-text"}
    assert len({parameter.split("=")[0] for parameter in parameters}) == len(parameters)
    assert any(parameter.startswith("version=") for parameter in parameters)


# 2.5.4: labels come from closed sets, whatever is asked.
def test_metrics_do_not_grow_with_what_strangers_send(client: Client, gateway: Gateway) -> None:
    client.ask("Bonjour", model="stranger-0")
    client.get("/stranger-0")
    before = gateway.metrics()
    for number in range(1, 20):
        client.ask("Bonjour", model=f"stranger-{number}")
        client.get(f"/stranger-{number}")
        requests.request(f"STRANGER{number}", f"{gateway.url}/models", headers=client.bearer, timeout=10)

    after = gateway.metrics()
    assert "stranger" not in after.lower()
    assert len(after.splitlines()) - len(before.splitlines()) < 50


def test_metrics_count_each_request_once(client: Client, gateway: Gateway, upstream: Upstream) -> None:
    def answered() -> float:
        families = text_string_to_metric_families(gateway.metrics())
        samples = [sample for family in families if family.name == "router_requests" for sample in family.samples]
        rows = [sample for sample in samples if sample.name.endswith("_total")]
        return sum(row.value for row in rows if "completion" in row.labels["route"] and row.labels["status"] == "200")

    before = answered()
    client.ask(upstream.expect())
    stream(client, upstream.expect())

    assert answered() == before + 2


# C-3, C-9
def test_metrics_may_be_closed(configured: Gateway) -> None:
    refused(requests.get(f"{configured.url}/metrics", timeout=10), 401, "unauthorized")
    for credential, status in (("metrics-token-of-the-tests", 200), ("wrong", 401)):
        headers = {"Authorization": f"Bearer {credential}"}
        assert requests.get(f"{configured.url}/metrics", headers=headers, timeout=10).status_code == status
