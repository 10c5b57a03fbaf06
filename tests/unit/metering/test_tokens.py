import asyncio
import time
import tracemalloc
from pathlib import Path

import pytest
import tiktoken

from agents.local.fetch import fetch_tokenizers
from agents.local.shelf import default_models_dir
from metering.tokens import Counted, Tokens

TOKENIZERS = ["o200k_base", "cl100k_base", "tekken"]
SAMPLES = [
    "Bonjour, capitale de l'Italie ?",
    "The quick brown fox's 12345 jumps!\n\n  x",
    "你好 世界 🌍 émoji",
    "<|endoftext|><s>[INST]",
    "def f(x):\n\treturn x**2  # ok",
    "   \n  \n",
    "",
]


@pytest.fixture(scope="session")
def tokenizers_dir() -> Path:
    return fetch_tokenizers(default_models_dir())


@pytest.fixture
def tokens(tokenizers_dir):
    counter = Tokens(tokenizers_dir)
    yield counter
    counter.close()


@pytest.mark.anyio
@pytest.mark.parametrize("tokenizer", ["o200k_base", "cl100k_base"])
async def test_openai_counts_are_tiktokens_own(tokens, tokenizers_dir, monkeypatch, tokenizer):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tokenizers_dir))
    published = tiktoken.get_encoding(tokenizer)

    for text in SAMPLES:
        counted = await tokens.count(tokenizer, [text])

        assert counted == Counted(len(published.encode_ordinary(text)), "tokenizer")


@pytest.mark.anyio
async def test_mistral_counts_are_those_of_its_own_library(tokens):
    by_mistral_common = [8, 15, 8, 12, 11, 4, 0]

    for text, expected in zip(SAMPLES, by_mistral_common, strict=True):
        assert await tokens.count("tekken", [text]) == Counted(expected, "tokenizer")


@pytest.mark.anyio
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
async def test_several_texts_count_as_their_sum(tokens, tokenizer):
    alone = [(await tokens.count(tokenizer, [text])).tokens for text in SAMPLES]

    together = await tokens.count(tokenizer, SAMPLES)

    assert together.tokens == sum(alone)


@pytest.mark.anyio
@pytest.mark.parametrize("tokenizer", ["o200k_base", "cl100k_base"])
async def test_a_prompt_counts_as_openai_bills_it(tokens, tokenizer):
    turns = [("system", "You are a helpful assistant."), ("user", "Hello!")]

    counted = await tokens.count_prompt(tokenizer, turns)

    assert counted == Counted(19, "tokenizer")  # the usage in OpenAI's own documented answer to this prompt


@pytest.mark.anyio
async def test_a_prompt_counts_as_mistral_frames_it(tokens):
    one = await tokens.count_prompt("tekken", [("user", "Hello!")])
    three = await tokens.count_prompt(
        "tekken", [("user", "Hello!"), ("assistant", "Hi there"), ("user", "How are you?")]
    )

    assert (one.tokens, three.tokens) == (5, 14)  # mistral-common 1.13.1, v3 tekken


@pytest.mark.anyio
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, " " * 1_000_000, "<|endoftext|>" * 77_000, "\ud800" * 300_000],
    ids=["letter", "blank", "end", "lone"],
)
async def test_a_megabyte_meant_to_hurt_is_counted_while_the_loop_stays_free(tokens, tokenizer, text):
    await tokens.count(tokenizer, ["load the vocabulary"])
    gaps, counting = [], asyncio.ensure_future(tokens.count(tokenizer, [text]))

    while not counting.done():
        begun = time.perf_counter()
        await asyncio.wait([counting], timeout=0.001)
        gaps.append(time.perf_counter() - begun)

    assert counting.result().source == "tokenizer"
    assert max(gaps) < 0.25


@pytest.mark.anyio
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
async def test_a_loaded_vocabulary_keeps_nothing_of_its_file(tokens, tokenizer):
    tracemalloc.start()

    await tokens.count(tokenizer, ["load the vocabulary"])

    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 1_000_000


@pytest.mark.anyio
async def test_more_than_two_megabytes_count_by_bytes(tokens):
    counted = await tokens.count("o200k_base", ["é" * 1_000_001])

    assert counted == Counted(500_001, "bytes")


@pytest.mark.anyio
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
async def test_without_its_vocabulary_a_text_counts_by_bytes(tmp_path, tokenizer):
    tokens = Tokens(tmp_path)

    assert await tokens.count(tokenizer, ["12345"]) == Counted(2, "bytes")

    tokens.close()


@pytest.mark.anyio
async def test_an_altered_vocabulary_is_not_used_and_not_touched(tmp_path, tokenizers_dir):
    for file in tokenizers_dir.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:-1])
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    tokens = Tokens(tmp_path)

    assert (await tokens.count("o200k_base", ["12345"])).source == "bytes"

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    tokens.close()
