import json

import pytest
from msgspec import Raw

from agents.messages import Message, Prompt, Sampling
from agents.providers import mistral, openai
from tests.faults.prompts import model

FULL = Prompt(
    model=model("some-model"),
    messages=(Message("system", "Be brief."), Message("user", "Bonjour é")),
    sampling=Sampling(temperature=0.7, top_p=0.9, max_tokens=50),
    stream=True,
    schema=Raw(b'{"type":"object"}'),
    user="u-1",
)
SHAPE = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Bonjour é"}]


def test_openai_is_asked_for_usage_in_a_stream():
    body = json.loads(openai.ask(FULL))

    assert body == {
        "model": "some-model",
        "messages": MESSAGES,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 50,
        "stream": True,
        "stream_options": {"include_usage": True},
        "response_format": SHAPE,
        "user": "u-1",
    }


def test_mistral_is_sent_only_what_it_knows():
    body = json.loads(mistral.ask(FULL))

    assert body == {
        "model": "some-model",
        "messages": MESSAGES,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 50,
        "stream": True,
        "response_format": SHAPE,
    }


@pytest.mark.parametrize("ask", [openai.ask, mistral.ask])
def test_what_the_caller_left_open_is_not_sent(ask):
    body = json.loads(ask(Prompt(model=model("m"), messages=(Message("user", "Hi"),))))

    assert body == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("name", ["o1", "o3-mini", "gpt-5-mini-2025-08-07"])
def test_reasoning_models_get_the_limit_they_know_and_draw_by_themselves(name):
    prompt = Prompt(model=model(name), messages=(), sampling=Sampling(temperature=0.7, top_p=0.9, max_tokens=50))

    body = json.loads(openai.ask(prompt))

    assert body == {"model": name, "messages": [], "max_completion_tokens": 50}


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-5-chat-latest", "mistral-o1", "olmo"])
def test_other_models_get_max_tokens(name):
    body = json.loads(openai.ask(Prompt(model=model(name), messages=(), sampling=Sampling(max_tokens=50))))

    assert body["max_tokens"] == 50
