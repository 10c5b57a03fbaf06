"""The embedded models read documents with nothing else on the machine: upload, ask, answer with its sources."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.gateway import MODELS_DIR, refused
from tests.http.accounts import Administrator, admin_key
from tests.http.shelf import Shelf, shelf

needs_weights = pytest.mark.skipif(
    not list(MODELS_DIR.rglob("*.gguf")),
    reason="the embedded models are not on this machine: `make setup` fetches them",
)
TEXTS = {
    "pont.md": "# Pont de Nantes\n\nLe budget du pont est de douze millions d'euros.",
    "école.md": "# École de Rezé\n\nL'école accueille trois cents élèves.",
}
WINDOW = 4096
PATIENCE_S = 90  # of a machine that is busy otherwise


@pytest.fixture(scope="module")
def village(gateway_with: Callable[..., object]) -> Shelf:
    gateway = gateway_with(ROUTER_LOCAL="auto")
    return shelf(Administrator(gateway, admin_key(gateway)), TEXTS)


@needs_weights
def test_question_in_another_language_finds_its_passage_and_is_answered(village: Shelf) -> None:
    *deltas, last = village.stream("How much money does the bridge cost?", seconds=PATIENCE_S, max_tokens=24)

    receipt = last["metadata"]
    assert "".join(event["content"] for event in deltas)
    assert receipt["sources"][0]["name"] == "pont.md"
    embedding, chat = receipt["calls"]
    assert (embedding["tokens"]["output_visible"], chat["model"]) == (0, receipt["resolved_model"])
    assert embedding["model"] != chat["model"]
    assert receipt["pricing"]["total_cost"] == Decimal(0)


@needs_weights
def test_prompt_and_answer_stay_within_the_window_of_the_embedded_model(village: Shelf) -> None:
    turn = "Le chat dort, l'été 🌞 et l'hiver ❄ ; " * 30
    history = [{"role": role, "content": f"{at} {turn}"} for at in range(9) for role in ("user", "assistant")]

    asked = {"conversation_history": history, "max_tokens": 3000}
    metadata = village.stream("Le pont ?", seconds=PATIENCE_S, **asked)[-1]["metadata"]

    (told,) = [each for each in metadata["warnings"] if each.startswith("history-trimmed")]
    assert told != "history-trimmed: 0 turns"
    assert metadata["calls"][-1]["tokens"]["input_uncached"] + 3000 <= WINDOW


@needs_weights
def test_question_longer_than_the_window_of_the_embedded_model_is_refused(village: Shelf) -> None:
    error = refused(village.ask("mot " * 5000), 400, "invalid_request")

    assert error["param"] == "message"
    assert f"> {WINDOW}" in error["message"]
