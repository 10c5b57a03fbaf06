"""The embedded embeddings, from the real child, as OpenAI's own client reads them."""

import http.client
import json
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from agents.local.embeddings import MODEL, installed
from agents.local.fetch import installed_chat
from agents.local.shelf import default_models_dir
from agents.local.supervise import LocalModels

pytestmark = pytest.mark.skipif(not installed(), reason="the `local` extra is not installed")

FRENCH, ENGLISH, OTHER = "Le chat dort sur le lit.", "The cat is sleeping on the bed.", "Our invoices are due in May."
TURNS = [{"role": "system", "content": "Sois bref."}, {"role": "user", "content": "Où est l'été ? " * 40}]
LONG = "loyer " * 2_100  # more than 2,000 tokens

needs_weights = pytest.mark.skipif(
    installed_chat(default_models_dir()) is None,
    reason="the embedded models are not on this machine: `make setup` fetches them",
)


def client_of(models: LocalModels) -> OpenAI:
    return OpenAI(base_url=models.base_url, api_key=models.api_key, max_retries=5, timeout=30)


@pytest.fixture(scope="module")
def alone() -> Iterator[LocalModels]:
    """A child without a chat model; nobody waited for it."""
    models = LocalModels(None, None, embeddings=True).begin()
    yield models
    models.stop()


@pytest.fixture(scope="module")
def client(alone: LocalModels) -> Iterator[OpenAI]:
    with client_of(alone) as client:
        yield client


def similar(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_a_child_that_nobody_waited_for_answers_the_first_call(client):
    answer = client.embeddings.create(model=MODEL, input=FRENCH)

    assert answer.model == MODEL
    assert len(answer.data[0].embedding) == 512
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


def test_both_forms_tell_the_same_vectors(client):
    texts = [FRENCH, ENGLISH, OTHER]

    numbers = client.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    packed = client.embeddings.create(model=MODEL, input=texts)  # the client asks in base64 by itself

    assert [array("f", row.embedding) for row in numbers.data] == [array("f", row.embedding) for row in packed.data]
    assert [row.index for row in numbers.data] == [0, 1, 2]
    assert numbers.usage.prompt_tokens == packed.usage.prompt_tokens


def test_languages_meet_and_subjects_do_not(client):
    french, english, other = (
        row.embedding for row in client.embeddings.create(model=MODEL, input=[FRENCH, ENGLISH, OTHER]).data
    )

    assert similar(french, english) > 0.7
    assert similar(french, other) < 0.4


def test_a_text_has_one_vector_whatever_it_is_sent_with(client):
    alone = client.embeddings.create(model=MODEL, input=FRENCH).data[0].embedding
    many = client.embeddings.create(model=MODEL, input=[OTHER] * 40 + [FRENCH] + [ENGLISH] * 40).data

    assert similar(alone, many[40].embedding) == pytest.approx(1, abs=1e-5)


def test_tokens_and_processor_time_are_told(client):
    short = client.embeddings.create(model=MODEL, input=[OTHER])
    longer = client.embeddings.create(model=MODEL, input=[OTHER] * 100)

    assert longer.usage.prompt_tokens == 100 * short.usage.prompt_tokens
    assert longer.usage.model_extra["busy_s"] > short.usage.model_extra["busy_s"] > 0


@pytest.mark.parametrize(
    "texts",
    [[FRENCH, LONG], ["x" * 100_000], [""], [], ["a"] * 2_049],
    ids=["tokens", "bytes", "empty", "none", "many"],
)
def test_what_the_model_does_not_take_is_refused(client, texts):
    with pytest.raises(BadRequestError):
        client.embeddings.create(model=MODEL, input=texts)


def test_another_model_and_other_dimensions_are_refused(client):
    with pytest.raises(NotFoundError):
        client.embeddings.create(model="text-embedding-3-small", input=FRENCH)
    with pytest.raises(BadRequestError):
        client.embeddings.create(model=MODEL, input=FRENCH, dimensions=256)


def test_a_client_that_leaves_does_not_keep_the_next_one_waiting(alone, client):
    texts = [OTHER * 20] * 1_500  # half a minute of work
    body = json.dumps({"input": texts})
    headers = {"Authorization": f"Bearer {alone.api_key}"}
    with closing(http.client.HTTPConnection(alone.base_url.split("/")[2], timeout=30)) as leaving:
        leaving.request("POST", "/v1/embeddings", body, headers)

    # As long as a batch: it waits for the lane that the other has left.
    answer = client.embeddings.create(model=MODEL, input=[OTHER] * 40, timeout=5)

    assert len(answer.data) == 40


def test_a_question_does_not_wait_for_a_batch(client):
    with ThreadPoolExecutor(1) as other:
        batch = other.submit(client.embeddings.create, model=MODEL, input=[OTHER * 20] * 200)

        client.embeddings.create(model=MODEL, input="When are invoices due?")

        assert not batch.done()
        assert len(batch.result().data) == 200


def test_a_child_without_chat_has_no_chat(client):
    assert [model.id for model in client.models.list()] == [MODEL]
    with pytest.raises(NotFoundError):
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": "hello"}])


@needs_weights
def test_tokens_of_a_conversation_are_those_that_the_model_then_reads():
    chat = installed_chat(default_models_dir())
    models = LocalModels(chat.path, chat.model, embeddings=True).start()
    try:
        with client_of(models) as client:
            counted = client.post("/tokens", body={"messages": TURNS}, cast_to=dict[str, int])
            read = client.chat.completions.create(model=chat.model, messages=TURNS, max_tokens=1).usage.prompt_tokens
            served = [model.id for model in client.models.list()]
    finally:
        models.stop()

    assert counted == {"tokens": read}
    assert served == [chat.model, MODEL]
