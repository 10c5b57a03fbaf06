"""The official SDK waits and asks again where waiting helps, and does not where it cannot (RL-4)."""

from time import monotonic

import openai
import pytest

from tests.replicas import Key, Replicas

BODY = {"message": "Bonjour", "model": "my-ok", "max_tokens": 5}


class Counting(openai.OpenAI):
    """The SDK, counting what it sends."""

    sent = 0

    def _prepare_request(self, request: object) -> None:
        assert request is not None
        self.sent += 1


@pytest.fixture
def key(pair: Replicas) -> Key:
    return pair.admin.key()


def sdk(replicas: Replicas, key: Key) -> Counting:
    return Counting(api_key=key.value, base_url=replicas.gateways[0].url)


# Must-show 4.
def test_sdk_asks_again_after_a_rate_limit_when_it_was_told_to(pair: Replicas, key: Key) -> None:
    pair.admin.limit(key.project, max_requests_per_1_minute=30)
    for _ in range(30):
        assert pair.admin.client(key).ask("Bonjour", model="my-ok").status_code == 200
    refusal = pair.admin.client(key).ask("Bonjour", model="my-ok")
    assert refusal.status_code == 429, refusal.text
    told_s = int(refusal.headers["Retry-After"])

    with sdk(pair, key) as client:
        began = monotonic()
        answer = client.post("/completion", cast_to=object, body=BODY)
        took = monotonic() - began

        assert answer["response"]
        assert client.sent == 2
        assert took >= told_s - 1
        assert "x-should-retry" not in refusal.headers or refusal.headers["x-should-retry"] == "true"


@pytest.mark.parametrize(("unit", "code"), [("EUR", "budget_exceeded_eur"), ("gCO2e", "budget_exceeded_co2e")])
def test_sdk_asks_once_when_the_budget_is_spent(pair: Replicas, key: Key, unit: str, code: str) -> None:
    pair.admin.budget("0.000000001", unit, scope="key", scope_id=key.id)

    with sdk(pair, key) as client, pytest.raises(openai.RateLimitError) as refusal:
        client.post("/completion", cast_to=object, body=BODY)

    assert client.sent == 1
    assert refusal.value.code == code
