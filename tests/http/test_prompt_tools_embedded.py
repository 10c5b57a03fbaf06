"""The prompt tools on the embedded model, with nothing else on the machine (5.6)."""

import pytest
import requests

from tests.gateway import MODELS_DIR, Gateway
from tests.http.accounts import Caller
from tests.http.tools import GENERATE, TEMPLATIZE, filled, texts

pytestmark = pytest.mark.skipif(
    not list(MODELS_DIR.rglob("*.gguf")),
    reason="the embedded models are not on this machine: `make setup` fetches them",
)
PATIENCE_S = 120  # of a machine that is busy otherwise


@pytest.fixture(scope="module")
def caller(embedded: Gateway) -> Caller:
    return Caller(embedded, embedded.token())


def asked(caller: Caller, path: str, body: object) -> requests.Response:
    headers = {"x-api-key": caller.credential or ""}
    return requests.post(caller.gateway.url + path, json=body, headers=headers, timeout=PATIENCE_S)


def test_embedded_model_takes_values_out_and_is_measured(caller: Caller) -> None:
    text = "Translate the word cheese to German for Agnes."

    response = asked(caller, TEMPLATIZE, {"messages": [{"role": "user", "content": text}]})

    answer = response.json()
    assert response.status_code == 200, answer
    assert filled(texts(answer)[0][1][0], answer["variable_values"]) == text
    receipt = answer["metering"]
    assert len(answer["usage"]) == len(receipt["calls"]) >= 1
    assert sum(call["output_tokens"] for call in answer["usage"]) == receipt["usage"]["output_tokens"] > 0
    assert {call["basis"] for call in receipt["calls"]} == {"measured_power"}


@pytest.mark.prove
def test_embedded_model_writes_a_prompt(caller: Caller) -> None:
    response = asked(caller, GENERATE, {"task": "translate {text} to German"})

    answer = response.json()
    assert response.status_code == 200, answer
    assert "{{text}}" in texts(answer)[0][1][0]
    assert answer["usage"]
