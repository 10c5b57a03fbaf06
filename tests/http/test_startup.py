"""Settings and start-up: what refuses to start and says why, and what `router.toml` adds (C-2 to C-5, 2.1.4)."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import jwt
import pytest
import requests
from ecologits.electricity_mix_repository import electricity_mixes
from ecologits.impacts.llm import compute_llm_impacts
from ecologits.tracers.utils import llm_impacts

from tests.gateway import SECRET, Client, Gateway, environment, exact, free_port, refused, run, vendors
from tests.upstream import MISTRAL_KEY, OPENAI_KEY, STORY, Upstream
from tests.wire import stream

STARTS_WITHIN_S = 20
HELP_WITHIN_S = 1.0
PRODUCTION = {"ROUTER_ENVIRONMENT": "production", "ROUTER_ADMIN_KEY": "adm-Xk3-acceptance-admin-key-0003-of-the-tests"}
CLOSE = 1e-8


def refusal(folder: Path, files: dict[str, str] | None = None, **settings: str) -> str:
    """Start where starting must fail, and return what was said."""
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    env = environment(folder, ROUTER_PORT=str(free_port())) | settings
    ended = run(folder, "serve", env=env, seconds=STARTS_WITHIN_S)
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0, said
    assert "Traceback" not in said
    return said


# C-3: the setting is named.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROUTER_PRT", "7860"),
        ("ROUTER_PORT", "http"),
        ("ROUTER_PORT", "70000"),
        ("ROUTER_WORKERS", "0"),
        ("ROUTER_ENVIRONMENT", "staging"),
        ("ROUTER_LOCAL", "maybe"),
        ("ROUTER_LOCAL_WATTS", "-1"),
        ("ROUTER_CONFIG", "nowhere.toml"),
        ("ROUTER_DATABASE_URL", "mysql://127.0.0.1/x"),
        ("ROUTER_JWT_SECRET", "tiny-value"),
        ("ROUTER_JWT_KEYS", "no-kid-here"),
        ("ROUTER_JWT_KEYS", "old=tiny-value"),
        ("ROUTER_MAX_OUTPUT_TOKENS", "none"),
        ("ROUTER_TIMEZONE", "Mars/Base"),
        ("ROUTER_V1_PLANNER", "gpt-9-nobody"),
        ("OPENAI_BASE_URL", "api.openai.example"),
        ("ROUTER_HOST", "0.0.0.0"),  # noqa: S104 - anonymous tokens and an open address are what is refused
    ],
    ids=lambda value: value,
)
def test_wrong_setting_refuses_to_start(tmp_path: Path, name: str, value: str) -> None:
    said = refusal(tmp_path, **{name: value})

    assert name in said
    assert "tiny-value" not in said


WELL_KNOWN = "a-string-secret-at-least-256-bits-long"  # the example on jwt.io


# Weak, missing, well-known or repeated secrets.
@pytest.mark.parametrize(
    ("named", "settings"),
    [
        ("ROUTER_JWT_SECRET", {}),
        ("ROUTER_JWT_SECRET", {"ROUTER_JWT_SECRET": ""}),
        ("ROUTER_JWT_SECRET", {"ROUTER_JWT_SECRET": "Zq7-too-short"}),
        ("ROUTER_JWT_SECRET", {"ROUTER_JWT_SECRET": "abababab" * 8}),
        ("ROUTER_JWT_SECRET", {"ROUTER_JWT_SECRET": WELL_KNOWN}),
        ("ROUTER_JWT_KEYS", {"ROUTER_JWT_SECRET": SECRET, "ROUTER_JWT_KEYS": f"old={SECRET}"}),
        ("ROUTER_KEY_PEPPER", {"ROUTER_JWT_SECRET": SECRET, "ROUTER_KEY_PEPPER": SECRET}),
    ],
    ids=["missing", "empty", "short", "two-letters", "well-known", "repeated-key", "repeated-pepper"],
)
def test_weak_secret_refuses_to_start_in_production(tmp_path: Path, named: str, settings: dict[str, str]) -> None:
    said = refusal(tmp_path, **(PRODUCTION | settings))

    assert named in said
    assert SECRET not in said


MODEL = """
[[provider]]
name = "cluster"
kind = "openai"
base_url = "http://127.0.0.1:1/v1"
[[model]]
name = "lonely"
provider = "cluster"
context_window = 1000
description = "A model"
"""


# C-4: by name.
@pytest.mark.parametrize(
    ("named", "more"),
    [
        ("lonely", 'ecologits = "openai/gpt-4o"'),
        ("lonely", 'price_of = "gpt-4o"'),
        ("lonely", 'price_of = "gpt-9-nobody"\necologits = "openai/gpt-4o"'),
        ("lonely", 'price_of = "gpt-4o"\necologits = "openai/gpt-9-nobody"'),
        ("surprise", 'price_of = "gpt-4o"\necologits = "openai/gpt-4o"\nsurprise = 1'),
        ("gpt-4o", 'price_of = "gpt-4o"\necologits = "openai/gpt-4o"\naliases = ["gpt-4o"]'),
        ("nobody", 'price_of = "gpt-4o"\necologits = "openai/gpt-4o"\n[[model]]\nname = "b"\nprovider = "nobody"'),
        ("kind", '[[provider]]\nname = "x"\nkind = "telepathy"\nbase_url = "http://127.0.0.1:1"'),
        ("router.toml", "[[model"),
    ],
    ids=["no-price", "no-carbon", "price-of-nobody", "carbon-of-nobody", "field", "taken", "provider", "kind", "toml"],
)
def test_wrong_catalogue_refuses_to_start(tmp_path: Path, named: str, more: str) -> None:
    assert named in refusal(tmp_path, {"router.toml": MODEL + more})


def test_dot_env_is_checked_as_the_environment_is(tmp_path: Path) -> None:
    assert "ROUTER_PRT" in refusal(tmp_path, {".env": "ROUTER_PRT=7860\n"})


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the kernel does not tell what a process has loaded")
def test_first_start_keeps_nothing_of_what_makes_the_database(gateway_with: Callable[..., Gateway]) -> None:
    gateway = gateway_with()
    assert gateway.process is not None

    loaded = Path(f"/proc/{gateway.process.pid}/maps").read_text()

    assert "_sqlite3" in loaded
    assert "sqlalchemy" not in loaded


# C-2
def test_help_answers_within_a_second(tmp_path: Path) -> None:
    env = environment(tmp_path)
    run(tmp_path, "--help", env=env)  # writes the compiled modules

    began = time.monotonic()
    printed = run(tmp_path, "--help", env=env)

    assert time.monotonic() - began < HELP_WITHIN_S
    assert printed.returncode == 0
    assert "serve" in printed.stdout
    assert "ledger" in printed.stdout


def test_start_takes_a_figure_to_print(gateway: Gateway, pytestconfig: pytest.Config) -> None:
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    reporter.write_line(f"\ncold start of the gateway, spawn to healthy: {gateway.started_s:.2f} s")

    assert gateway.started_s > 0


def test_data_folder_is_for_its_owner_only(gateway: Gateway) -> None:
    assert (gateway.folder / "data").stat().st_mode & 0o777 == 0o700


# C-4: a row in router.toml is a model like any other.
@pytest.mark.parametrize("name", ["llama-cluster", "llama"])
def test_configured_model_answers_under_its_names(configured_client: Client, upstream: Upstream, name: str) -> None:
    prompt = upstream.expect()

    answer = exact(configured_client.ask(prompt, model=name).text)

    assert answer["model"] == name
    (seen,) = upstream.seen(prompt)
    assert seen.body["model"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert "authorization" not in seen.headers
    (call,) = answer["metadata"]["calls"]
    assert (call["model"], call["provider"], call["zone"]) == ("llama-cluster", "cluster", "FRA")
    impact = llm_impacts("openai", "gpt-4o", 98, float(call["upstream_s"]), electricity_mix_zone="FRA")
    assert float(call["kgCO2eq"]) == pytest.approx(impact.gwp.value.mean, rel=CLOSE)


def test_configured_price_and_architecture_are_used(configured_client: Client, upstream: Upstream) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130, "num_cached_tokens": 0}

    answer = stream(configured_client, upstream.expect(usage=usage), model="priced-here")

    receipt = answer.events[-1]["metadata"]
    cost = receipt["pricing"]["by_model"]["priced-here"]
    assert (cost["input"], cost["output"]) == (Decimal("0.00015"), Decimal("0.000225"))
    (call,) = receipt["calls"]
    assert call["basis"] == "parameters"
    mix = electricity_mixes.find_electricity_mix(call["zone"])
    energy = compute_llm_impacts(
        model_active_parameter_count=8,
        model_total_parameter_count=47,
        output_token_count=30,
        request_latency=float(call["upstream_s"]),
        if_electricity_mix_adpe=mix.adpe,
        if_electricity_mix_pe=mix.pe,
        if_electricity_mix_gwp=mix.gwp,
        if_electricity_mix_wue=mix.wue,
        datacenter_pue=1.0,
        datacenter_wue=0.0,
    ).energy.value
    pue = float(receipt["energy_kWh"]) / energy
    assert 1.0 <= pue <= 1.6  # the vendor's own PUE is the one thing the receipt does not show


# M-8: stated as unknown is null with a warning, never 0.
def test_unknown_carbon_is_null(configured_client: Client, upstream: Upstream) -> None:
    response = configured_client.ask(upstream.expect(), model="dark")

    receipt = response.json()["metadata"]
    assert receipt["emissions_kgCO2eq"] is receipt["emissions_gCO2eq"] is receipt["energy_kWh"] is None
    assert set(receipt["equivalences"].values()) == {None}
    assert receipt["warnings"]
    assert receipt["calls"][0]["basis"] == "unknown"
    assert receipt["pricing"]["total_cost"] > 0


# C-5
def test_model_without_a_key_is_listed_and_unavailable(configured_client: Client) -> None:
    rows = {row["name"]: row for row in configured_client.get("/models").json()["models"]}

    assert rows["gpt-4o"]["available"] is True
    assert configured_client.ask("Bonjour").status_code == 200  # the environment's key won over that of `.env`
    assert rows["mistral-large-latest"]["available"] is False
    error = refused(configured_client.ask("Bonjour", model="mistral-large-latest"), 503, "model_unavailable")
    assert "MISTRAL_API_KEY" in error["message"]


# C-10
@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(
    ("model", "reply", "status", "code"),
    [
        ("unreachable", {}, 502, "provider_error"),
        ("llama-cluster", {"hold_after": 0}, 504, "provider_timeout"),
    ],
    ids=["refused", "silent"],
)
def test_unreachable_and_silent_vendors(
    configured_client: Client,
    upstream: Upstream,
    model: str,
    reply: dict[str, object],
    status: int,
    code: str,
    *,
    streamed: bool,
) -> None:
    refused(configured_client.ask(upstream.expect(**reply), model=model, stream=streamed), status, code)


def test_vendor_that_falls_silent_ends_the_stream(configured_client: Client, upstream: Upstream) -> None:
    answer = stream(configured_client, upstream.expect(hold_after=2), model="llama-cluster")

    *deltas, final = answer.events
    assert "".join(event["content"] for event in deltas) == "".join(STORY[:2])
    assert final["error"]["code"] == "provider_timeout"


@pytest.fixture(scope="module")
def production(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    return gateway_with(**PRODUCTION, **vendors(upstream), ROUTER_JWT_SECRET=SECRET)


# 2.1.4
def test_production_gives_no_anonymous_token(production: Gateway) -> None:
    refused(requests.post(f"{production.url}/auth/token", timeout=10), 401, "unauthorized")
    assert requests.get(f"{production.url}/health", timeout=10).json()["environment"] == "production"
    assert SECRET not in production.log


# 2.2.2, 6.6c: a project exists once it is named in development, and only once it is made in production.
def test_project_must_exist_in_production(production: Gateway, configured_client: Client, upstream: Upstream) -> None:
    claims = {"sub": "user", "type": "access", "exp": int(time.time()) + 600}
    caller = Client(production, jwt.encode(claims, SECRET, "HS256"))

    refused(caller.ask("Bonjour", project_id="proj-nobody"), 404, "not_found")
    assert caller.ask(upstream.expect(), project_id="proj-default").status_code == 200
    assert configured_client.ask(upstream.expect(), project_id="proj-abc123").status_code == 200


# The fakes' keys are no keys of anyone's; they must not be printed either.
def test_start_prints_no_key(gateway: Gateway) -> None:
    for key in (OPENAI_KEY, MISTRAL_KEY, SECRET):
        assert key not in gateway.log
