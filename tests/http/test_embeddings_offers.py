"""Beside a vendor's key the embeddings model is served alone, and no chat request ever meets it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from agents.local.embeddings import installed
from tests.gateway import Client, Gateway, refused, vendors
from tests.http.test_embedded import children, needs_proc
from tests.upstream import Upstream

EMBEDDINGS = ("text-embedding-3-small", "mistral-embed", "use-multilingual-v3")


@pytest.fixture(scope="module")
def gateway(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway with keys, and with the embedded models left to it."""
    return gateway_with(ROUTER_LOCAL="auto", **vendors(upstream))


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Client:
    return Client(gateway, gateway.token())


def test_menu_is_what_it_is_without_embeddings(client: Client) -> None:
    listing = client.get("/models").json()

    assert listing["total"] == 8
    assert not {row["name"] for row in listing["models"]} & set(EMBEDDINGS)
    assert {row["provider"] for row in listing["models"]} == {"openai", "mistralai"}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings_model_answers_no_question(client: Client, name: str) -> None:
    refused(client.ask("Bonjour", model=name), 400, "model_not_found")


def test_auto_is_a_chat_model(client: Client, upstream: Upstream) -> None:
    answer = client.ask(upstream.expect(), model="auto").json()

    assert answer["model"] == "gpt-4o"


def test_metrics_know_the_embeddings_models_before_they_are_used(gateway: Gateway) -> None:
    for name in EMBEDDINGS if installed() else EMBEDDINGS[:2]:
        assert f'router_tokens_total{{agent="documents",direction="input",model="{name}"}} 0.0' in gateway.metrics()


@needs_proc
@pytest.mark.skipif(not installed(), reason="the `local` extra is not installed")
def test_its_child_is_small_and_leaves_with_the_gateway(
    gateway_with: Callable[..., Gateway], upstream: Upstream
) -> None:
    gateway = gateway_with(ROUTER_LOCAL="auto", **vendors(upstream))
    (child,) = children(gateway)
    health = requests.get(f"{gateway.url}/health", params={"deep": "1"}, timeout=10).json()

    status = Path(f"/proc/{child}/status").read_text()
    resident_kb = int(status.split("VmRSS:")[1].split()[0])

    assert resident_kb < 60_000
    assert health["status"] in {"healthy", "degraded"}
    assert gateway.stop() == 0
    assert not Path(f"/proc/{child}").exists()


@needs_proc
@pytest.mark.parametrize(
    "settings", [{"ROUTER_LOCAL": "off"}, {"ROUTER_EMBEDDINGS_MODEL": "text-embedding-3-small"}], ids=["off", "another"]
)
def test_no_child_runs_that_nobody_would_ask(
    gateway_with: Callable[..., Gateway], upstream: Upstream, settings: dict[str, str]
) -> None:
    gateway = gateway_with(**{"ROUTER_LOCAL": "auto"} | vendors(upstream) | settings)

    assert children(gateway) == []
