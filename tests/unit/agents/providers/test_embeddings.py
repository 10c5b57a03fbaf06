"""Embeddings over a real socket: both forms of an answer, any order, and everything that is no answer."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from agents.errors import PromptRefused, ProviderBusy, ProviderDown, ProviderError
from agents.messages import Done, Message, Prompt
from agents.providers import mistral, openai
from agents.providers.transport import Upstream
from metering.usage import Usage
from pricing_tables.loader import load_catalogue
from tests.vectors import VectorServer, honest, numbers, rows, vector

pytestmark = pytest.mark.anyio

CATALOGUE = load_catalogue(local_watts=65.0)
SMALL, MISTRAL = CATALOGUE.find("text-embedding-3-small"), CATALOGUE.find("mistral-embed")
TEXTS = ["un", "deux", "trois"]
VECTORS = tuple(vector(text) for text in TEXTS)


@pytest.fixture
async def server() -> AsyncIterator[VectorServer]:
    async with VectorServer() as server:
        yield server


async def embedded(server, texts=TEXTS, connect=openai.connect, model=SMALL) -> Done:
    chat = connect(Upstream("openai", server.base_url, "sk-ours"))
    try:
        (done,) = [event async for event in chat.stream(Prompt(model, [Message("user", text) for text in texts]))]
    finally:
        await chat.aclose()
    return done


async def test_openai_is_asked_in_base64_and_mistral_is_not_told_any_form(server):
    in_base64 = await embedded(server)
    in_numbers = await embedded(server, connect=mistral.connect, model=MISTRAL)

    assert in_base64 == in_numbers == Done(Usage(input_uncached=9), vectors=VECTORS)
    assert server.asked == [
        {"model": "text-embedding-3-small", "input": TEXTS, "encoding_format": "base64"},
        {"model": "mistral-embed", "input": TEXTS},
    ]


@pytest.mark.parametrize("in_base64", [True, False], ids=["base64", "numbers"])
async def test_rows_in_any_order_come_back_in_the_order_of_their_texts(server, in_base64):
    server.says = [lambda asked: {"data": rows(asked["input"], in_base64=in_base64)[::-1]}]

    assert (await embedded(server)).vectors == VECTORS


async def test_rows_without_an_index_are_taken_in_their_order(server):
    server.says = [lambda asked: {"data": [{"embedding": numbers(text)} for text in asked["input"]]}]

    assert (await embedded(server)).vectors == VECTORS


async def test_a_large_answer_in_numbers_is_read_whole(server):
    texts = [f"text {number:03}" for number in range(64)]
    server.says = [lambda asked: {"data": rows(asked["input"], 3072)}]

    assert (await embedded(server, texts)).vectors == tuple(vector(text, 3072) for text in texts)


BAD = {
    "one too few": rows(TEXTS[:2]),
    "one too many": rows([*TEXTS, "quatre"]),
    "one twice": [*rows(TEXTS)[:2], rows(TEXTS)[1]],
    "an index beyond": [*rows(TEXTS)[:2], {"index": 7, "embedding": numbers("trois")}],
    "none": [],
    "null": None,
    "no vector": [{"index": index} for index in range(3)],
    "empty vectors": [{"index": index, "embedding": []} for index in range(3)],
    "unlike lengths": [*rows(TEXTS)[:2], {"index": 2, "embedding": [1.0]}],
    "beyond float32": [*rows(TEXTS)[:2], {"index": 2, "embedding": [1e39, 0, 0, 0]}],
    "words": [*rows(TEXTS)[:2], {"index": 2, "embedding": ["a", "b", "c", "d"]}],
    "not base64": [*rows(TEXTS)[:2], {"index": 2, "embedding": "a vector, surely"}],
    "cut base64": [*rows(TEXTS)[:2], {"index": 2, "embedding": "AAAAAAA="}],
    "NaN in base64": [*rows(TEXTS)[:2], {"index": 2, "embedding": "AADAfwAAwH8AAMB/AADAfw=="}],
    "infinite in base64": [*rows(TEXTS)[:2], {"index": 2, "embedding": "AACAfwAAgP8AAAAAAAAAAA=="}],
    "far too long": [{"index": index, "embedding": [0.5] * 20_000} for index in range(3)],
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
async def test_what_is_not_one_finite_vector_a_text_is_a_failure_that_is_owed(server, data):
    server.says = [lambda _: {"data": data, "usage": {"prompt_tokens": 9, "total_tokens": 9}}]

    with pytest.raises(ProviderDown) as failed:
        await embedded(server)

    assert (failed.value.code, failed.value.accepted) == ("malformed", True)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"data":[{"embedding":[NaN]}]}', b'{"data":' + b"[" * 9000])
async def test_a_body_that_is_no_answer_is_a_failure(server, body):
    server.says = [lambda _: body]

    with pytest.raises(ProviderDown) as failed:
        await embedded(server)

    assert failed.value.code == "malformed"


async def test_an_error_in_place_of_vectors_owes_nothing(server):
    server.says = [lambda _: {"error": {"message": "no"}}]

    with pytest.raises(ProviderDown) as failed:
        await embedded(server)

    assert (failed.value.code, failed.value.accepted) == ("error_object", False)


async def test_a_body_that_breaks_off_is_a_failure(server):
    def cut(asked):
        answer = web.Response(body=json.dumps(honest(asked)).encode()[:50], headers={"Content-Length": "5000"})
        answer.force_close()
        return answer

    server.says = [cut]

    with pytest.raises(ProviderDown) as failed:
        await embedded(server)

    assert failed.value.accepted


async def test_a_huge_answer_is_not_read_to_its_end(server):
    server.says = [lambda _: b" " * (20 << 20)]

    with pytest.raises(ProviderDown) as failed:
        await embedded(server)

    assert failed.value.code == "too_large"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(400, PromptRefused, False), (401, ProviderDown, False), (429, ProviderBusy, True), (500, ProviderDown, True)],
)
async def test_a_status_means_what_it_means_for_chat(server, status, kind, retryable):
    server.says = [lambda _: web.Response(status=status, headers={"Retry-After": "1"})]

    with pytest.raises(ProviderError) as failed:
        await embedded(server)

    assert (type(failed.value), failed.value.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}, "generated"),
        ({"prompt_tokens": 9, "total_tokens": 10}, "sum"),
        ({"prompt_tokens": 0, "total_tokens": 0}, "nothing"),
        ({"prompt_tokens": "many"}, "not token"),
    ],
)
async def test_absurd_usage_never_breaks_an_answer(server, usage, why):
    server.says = [lambda asked: {"data": rows(asked["input"]), "usage": usage}]

    done = await embedded(server)

    assert done.vectors == VECTORS
    assert done.usage is None
    assert why in done.usage_refused


async def test_mistral_tells_that_nothing_was_generated(server):
    usage = {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9, "prompt_tokens_details": None}
    server.says = [lambda asked: {"data": rows(asked["input"]), "usage": usage}]

    assert (await embedded(server)).usage == Usage(input_uncached=9)
