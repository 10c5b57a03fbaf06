"""What llmock, a maintained simulator of providers, thinks of the gateway as a client."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from tests.faults.served import HASTY, figure, model, provider, until
from tests.gateway import Client, Gateway, free_port, refused
from tests.wire import stream

# What may be asked again, and what may not: the status that the client gets in the end.
AGAIN = {408: 200, 409: 200, 500: 200, 502: 200, 503: 200, 504: 200, 529: 200}
NEVER = {400: 400, 401: 502, 403: 502, 404: 502, 422: 400}
# After the first words a second try would repeat them, so these are told to the client and never tried again;
# the simulator cannot see that they were told.
TOLD = {
    "truncate": ("provider_error", {"truncated_stream_accepted"}),
    "disconnect": ("provider_error", {"gave_up"}),
    "malformed": ("provider_error", {"malformed_chunk_ignored"}),
    "stall": ("provider_timeout", set[str]()),
}


class Simulator:
    """The simulator's process and its control API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def up(self) -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/health", timeout=5).ok
        return False

    def play(self, **behaviour: object) -> None:
        posted = requests.post(f"{self.url}/_llmock/scenario", json={"behaviors": [behaviour]}, timeout=5)
        assert posted.status_code == 201, posted.text

    def verdict(self) -> dict[str, Any]:
        return requests.get(f"{self.url}/_llmock/verdict", timeout=10).json()

    def reset(self) -> None:
        requests.post(f"{self.url}/_llmock/reset", timeout=5)


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "llmock.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    simulator = Simulator(port)
    until(simulator.up)
    yield simulator
    process.terminate()
    process.wait(10)


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.reset()
    return running


@pytest.fixture(scope="module")
def client(gateway_with: Callable[..., Gateway], running: Simulator) -> Client:
    rows = provider("simulator", f"{running.url}/v1", HASTY) + model("simulated", "simulator", "gpt-4o")
    gateway = gateway_with({"router.toml": rows})
    return Client(gateway, gateway.token())


@pytest.fixture
def earned(client: Client) -> None:
    """Retries are a fifth of the traffic, so some honest traffic comes first."""
    for number in range(15):
        assert client.ask(f"Bonjour {number}", model="simulated").status_code == 200


@pytest.mark.usefixtures("earned")
def test_simulator_finds_nothing_wrong_with_how_faults_are_met(client: Client, simulator: Simulator) -> None:
    for status, wanted in (AGAIN | NEVER).items():
        simulator.play(type="fail", status=status)
        assert client.ask(f"Que dit {status} ?", model="simulated").status_code == wanted
        client.ask(f"Et après {status} ?", model="simulated")
    simulator.play(type="fail", status=429, retry_after=1)
    assert client.ask("Que dit 429 ?", model="simulated").status_code == 200

    verdict = simulator.verdict()
    figure(f"llmock: {verdict['calls']} calls, {verdict['attempts']} attempts, {verdict['faults_injected']} faults")
    assert verdict["findings"] == []
    assert verdict["faults_injected"] == len(AGAIN) + len(NEVER) + 1


def test_long_waits_are_passed_on_and_not_sat_out(client: Client, simulator: Simulator) -> None:
    simulator.play(type="fail", status=429, retry_after=120, times=None)

    response = client.ask("Bonjour", model="simulated")

    refused(response, 429, "rate_limited")
    assert response.headers["Retry-After"] == "120"
    assert simulator.verdict()["attempts"] == 1


@pytest.mark.parametrize("behaviour", ["delay", "slow_first_token"])
def test_silence_is_not_sat_out(client: Client, simulator: Simulator, behaviour: str) -> None:
    simulator.play(type=behaviour, seconds=5)

    response = client.ask("Bonjour", model="simulated", stream=True)

    refused(response, 504, "provider_timeout")


@pytest.mark.parametrize(("fault", "code"), [(fault, code) for fault, (code, _) in TOLD.items()])
def test_stream_that_breaks_is_told_and_only_that_is_held_against_us(
    client: Client, simulator: Simulator, fault: str, code: str
) -> None:
    simulator.play(type="stream_fault", kind=fault, after_chunks=4, stall_seconds=5)

    answer = stream(client, "Bonjour", model="simulated")

    last = answer.events[-1]
    assert last["error"]["code"] == code
    assert client.gateway.row(last["metadata"]["request_id"])["status"] == "partial"
    verdict = simulator.verdict()
    assert {finding["code"] for finding in verdict["findings"]} <= TOLD[fault][1]
    assert verdict["attempts"] == 1


@pytest.mark.usefixtures("earned")
def test_request_is_tried_three_times_at_most_with_growing_waits(client: Client, simulator: Simulator) -> None:
    simulator.play(type="fail", status=500, times=None)

    refused(client.ask("Bonjour", model="simulated"), 502, "provider_error")

    verdict = simulator.verdict()
    assert verdict["attempts"] == 3
    assert verdict["findings"] == []
