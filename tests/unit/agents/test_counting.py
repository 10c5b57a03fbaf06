"""Prompts are counted in their model's own tokens, and never short."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.counting import Counter
from agents.local.shelf import default_models_dir
from agents.messages import Message
from agents.providers.own_tokens import OwnTokens
from agents.providers.transport import Upstream
from metering.tokens import VOCABULARIES, Tokens
from pricing_tables.loader import load_catalogue
from tests.gateway import free_port

pytestmark = pytest.mark.anyio

CATALOGUE = load_catalogue(local_watts=65.0)
OPENAI, MISTRAL = CATALOGUE.find("gpt-4o"), CATALOGUE.find("mistral-large-latest")
EMBEDDED = CATALOGUE.find("qwen2.5-coder-0.5b-instruct")
PROMPT = [Message("system", "Sois bref."), Message("user", "Où est l'été ? " * 40)]
BYTES = sum(len(message.content.encode()) for message in PROMPT)

needs_vocabularies = pytest.mark.skipif(
    not all((default_models_dir() / "tokenizers" / each.file).exists() for each in VOCABULARIES.values()),
    reason="the tokenizers are not on this machine: `make setup` fetches them",
)


class Told:
    """Says what the embedded model is told to count."""

    def __init__(self, tokens: int | None) -> None:
        self.tokens = tokens
        self.asked: list[Sequence[Message]] = []

    async def count(self, messages: Sequence[Message]) -> int | None:
        self.asked.append(messages)
        return self.tokens


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def tokens() -> AsyncIterator[Tokens]:
    tokens = Tokens(default_models_dir() / "tokenizers")
    yield tokens
    tokens.close()


async def test_embedded_model_counts_for_itself_once_a_prompt(tokens):
    own = Told(57)

    assert await Counter(tokens, own).count(EMBEDDED, PROMPT) == 57
    assert own.asked == [PROMPT]


@pytest.mark.parametrize("own", [None, Told(None)], ids=["none runs", "it does not answer"])
async def test_nobody_to_ask_means_a_bound_by_bytes(tokens, own):
    assert await Counter(tokens, own).count(EMBEDDED, PROMPT) >= BYTES


async def test_embedded_model_that_is_down_does_not_answer():
    own = OwnTokens(Upstream("local", f"http://127.0.0.1:{free_port()}/v1", "key"))

    assert await own.count(PROMPT) is None


@needs_vocabularies
@pytest.mark.parametrize("model", [OPENAI, MISTRAL], ids=["openai", "mistral"])
async def test_vendors_models_are_counted_by_their_vocabularies(tokens, model):
    turns = [(message.role, message.content) for message in PROMPT]
    counted = await tokens.count_prompt(model.tokenizer, turns)

    assert counted.source == "tokenizer"
    assert await Counter(tokens).count(model, PROMPT) == counted.tokens < BYTES


@needs_vocabularies
async def test_models_of_an_operators_row_get_a_tenth_more(tokens):
    exact = await Counter(tokens).count(OPENAI, PROMPT)

    stated = await Counter(tokens).count(replace(OPENAI, stated=True), PROMPT)

    assert exact * 1.1 <= stated < exact * 1.1 + 1


async def test_missing_vocabulary_means_a_bound_by_bytes(tmp_path: Path):
    tokens = Tokens(tmp_path)

    assert await Counter(tokens).count(OPENAI, PROMPT) >= BYTES
    tokens.close()
