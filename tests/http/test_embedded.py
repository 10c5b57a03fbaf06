"""The embedded model: it stands in when no key is set, is measured by its power, and is watched (C-5 to C-7)."""

import os
import signal
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import MODELS_DIR, Client, Gateway, environment, exact, run
from tests.wire import stream

ASK = "Quelle est la capitale de la France ?"
RESTARTED_WITHIN_S = 30
JOULES_A_KWH = 3_600_000
WATTS = 65  # the default of ROUTER_LOCAL_WATTS
KG_A_KWH = 0.04144  # EcoLogits' mix of France

needs_weights = pytest.mark.skipif(
    not list(MODELS_DIR.rglob("*.gguf")),
    reason="the embedded models are not on this machine: `make setup` fetches them",
)
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")


@pytest.fixture(scope="module")
def alone(gateway_with: Callable[..., Gateway]) -> Gateway:
    """A gateway with no vendor's key at all."""
    return gateway_with(ROUTER_LOCAL="auto")


@pytest.fixture(scope="module")
def caller(alone: Gateway) -> Client:
    return Client(alone, alone.token())


def children(gateway: Gateway) -> list[int]:
    assert gateway.process is not None
    tasks = Path(f"/proc/{gateway.process.pid}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def check(receipt: dict[str, Any]) -> None:
    """C-7: price, power and footprint are those of what answered."""
    assert receipt["resolved_model"] != "gpt-4o"
    assert any(receipt["resolved_model"] in warning for warning in receipt["warnings"])
    assert list(receipt["usage_by_model"]) == [receipt["resolved_model"]]
    for call in receipt["calls"]:
        assert (call["basis"], call["zone"]) == ("measured_power", "FRA")
        kwh = WATTS * float(call["busy_s"]) / JOULES_A_KWH
        assert float(call["kgCO2eq"]) == pytest.approx(kwh * KG_A_KWH, rel=1e-3)
    assert receipt["emissions_gCO2eq"] == 1000 * receipt["emissions_kgCO2eq"]
    assert receipt["emissions_kgCO2eq"] == sum(call["kgCO2eq"] for call in receipt["calls"])


@needs_weights
@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_embedded_model_stands_in(caller: Client, agent: str) -> None:
    answer = exact(caller.ask(ASK, model="gpt-4o", agent=agent, max_tokens=12).text)

    assert answer["response"]
    assert answer["model"] == "gpt-4o"
    check(answer["metadata"])


@needs_weights
def test_embedded_model_streams(caller: Client) -> None:
    *deltas, final = stream(caller, ASK, seconds=60, model="mistral-large-latest", max_tokens=12).events

    assert "".join(event["content"] for event in deltas)
    assert final["metadata"]["model"] == "mistral-large-latest"
    assert final["metadata"]["usage"]["output_tokens"] <= 12
    check(final["metadata"])


@needs_weights
def test_embedded_model_is_a_row_of_its_own(caller: Client) -> None:
    rows = {row["name"]: row for row in caller.get("/models").json()["models"]}
    (own,) = [row for row in rows.values() if row["provider"] not in {"openai", "mistralai"}]

    answer = exact(caller.ask(ASK, model=own["name"], max_tokens=4).text)

    assert own["available"] is True
    assert all(row["available"] for row in rows.values())
    assert answer["metadata"]["resolved_model"] == own["name"]
    assert Decimal(answer["metadata"]["pricing"]["total_cost"]) == 0


# C-6: watched, restarted and stopped.
@needs_weights
@needs_proc
def test_dead_child_is_started_again_and_leaves_with_the_gateway(gateway_with: Callable[..., Gateway]) -> None:
    gateway = gateway_with(ROUTER_LOCAL="on")
    caller = Client(gateway, gateway.token())
    (first,) = children(gateway)

    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + RESTARTED_WITHIN_S
    while (status := caller.ask(ASK, max_tokens=2).status_code) != 200:
        assert status in {502, 503}
        assert time.monotonic() < deadline
    (second,) = children(gateway)

    assert second != first
    assert gateway.stop() == 0
    assert not Path(f"/proc/{second}").exists()


def test_missing_weights_are_told_at_the_start(tmp_path: Path) -> None:
    env = environment(tmp_path, ROUTER_LOCAL="on", ROUTER_MODELS_DIR=str(tmp_path / "nothing"))

    ended = run(tmp_path, "serve", env=env)

    assert ended.returncode != 0
    assert "ROUTER_LOCAL" in ended.stderr
