import http.client
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from agents.local.errors import EngineFailed
from agents.local.fetch import fetch_chat, installed_chat
from agents.local.shelf import default_models_dir
from agents.local.supervise import LocalModels

ROOT = Path(__file__).parents[3]
ASK = {"messages": [{"role": "user", "content": "What is the capital of Italy?"}], "max_tokens": 12}
LONG = {"messages": [{"role": "user", "content": "Count from one to a thousand, in words."}], "max_tokens": 3000}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(scope="module")
def chat():
    fetch_chat(default_models_dir())
    return installed_chat(default_models_dir())


@pytest.fixture(scope="module")
def local(chat):
    models = LocalModels(chat.path, chat.model).start()
    yield models
    models.stop()


def open_call(models, body, method="POST", path="/v1/chat/completions", key=None, timeout=60):
    connection = http.client.HTTPConnection(
        models.base_url.removeprefix("http://").removesuffix("/v1"), timeout=timeout
    )
    headers = {"Authorization": f"Bearer {key or models.api_key}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    return connection


def call(models, body=None, **where):
    with closing(open_call(models, body, **where)) as connection:
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def stream(models, body):
    with closing(open_call(models, body | {"stream": True})) as connection:
        response = connection.getresponse()
        events = response.read().decode().split("\n\n")
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    assert events[-2:] == ["data: [DONE]", ""]
    return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


def has_ended(pid: int, within: float) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], within)[0])
    finally:
        os.close(handle)


def test_a_whole_answer_counts_its_tokens_and_its_share_of_the_processor(local, chat):
    begun = time.monotonic()
    status, answer = call(local, ASK | {"model": chat.model})
    seconds = time.monotonic() - begun

    usage = answer["usage"]
    assert (status, answer["object"], answer["model"]) == (200, "chat.completion", chat.model)
    assert "Rome" in answer["choices"][0]["message"]["content"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 < usage["busy_s"] <= seconds


def test_a_stream_says_the_same_in_pieces(local):
    chunks = stream(local, ASK | {"temperature": 0, "stream_options": {"include_usage": True}})
    _, whole = call(local, ASK | {"temperature": 0})

    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert len(chunks) > 4
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["busy_s"] > 0
    assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_a_stream_tells_its_usage_only_when_asked(local):
    chunks = stream(local, ASK | {"max_tokens": 3})

    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)


def test_a_schema_shapes_the_answer(local):
    schema = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}

    _, answer = call(local, ASK | {"max_tokens": 60, "response_format": schema})

    assert set(json.loads(answer["choices"][0]["message"]["content"])) == {"city"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"messages": []}, None),
        ({"messages": [{"role": "wizard", "content": "abracadabra"}]}, None),
        ({"messages": [{"role": "user", "content": "x y " * 6000}]}, "context_length_exceeded"),
        (ASK | {"max_tokens": 0}, None),
        (ASK | {"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/none"}}}}, None),
    ],
    ids=["no message", "unknown role", "too long", "no tokens", "bad schema"],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_bad_request_is_refused_in_openai_words(local, body, code, streamed):
    status, answer = call(local, body | {"stream": streamed})

    assert status == 400
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert (answer["error"]["type"], answer["error"]["code"]) == ("invalid_request_error", code)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/health")]
)
def test_nothing_is_answered_without_the_key(local, method, path):
    status, answer = call(local, ASK if method == "POST" else None, method=method, path=path, key="guess")

    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


def test_the_model_is_listed_and_no_other_is_served(local, chat):
    assert call(local, method="GET", path="/health") == (200, {"status": "ok"})
    assert [row["id"] for row in call(local, method="GET", path="/v1/models")[1]["data"]] == [chat.model]
    assert call(local, ASK | {"model": "gpt-4o"})[0] == 404


def test_clients_that_leave_free_their_slots(local):
    # As many as there are slots, twice; each would go on for a minute or more.
    for _ in range(2):
        with closing(open_call(local, LONG | {"stream": True})) as connection:
            connection.getresponse().read(1)
        open_call(local, LONG).close()

    begun = time.monotonic()
    status, _ = call(local, ASK | {"max_tokens": 1})

    assert status == 200
    assert time.monotonic() - begun < 10


def test_calls_in_flight_share_the_processor(local):
    shares = []
    asks = [threading.Thread(target=lambda: shares.append(call(local, ASK)[1]["usage"]["busy_s"])) for _ in range(4)]
    begun = time.monotonic()
    for ask in asks:
        ask.start()
    for ask in asks:
        ask.join()

    assert len(shares) == 4
    assert sum(shares) <= time.monotonic() - begun


def test_a_killed_child_answers_again_at_the_same_address(chat):
    models = LocalModels(chat.path, chat.model).start()
    address, first = models.base_url, models.pid

    os.kill(first, signal.SIGKILL)

    try:
        assert has_ended(first, within=5)
        assert answers_again(models, within=30)
        assert models.base_url == address
        assert models.pid != first
    finally:
        models.stop()
    assert has_ended(models.pid, within=1)


def answers_again(models, within: float) -> bool:
    deadline, pause = time.monotonic() + within, threading.Event()
    while time.monotonic() < deadline:
        try:
            return call(models, ASK | {"max_tokens": 1})[0] == 200
        except ConnectionError:
            pause.wait(0.05)
    return False


PARENT = """
import signal, sys
from pathlib import Path
from agents.local.supervise import LocalModels
models = LocalModels(Path(sys.argv[1]), "m").start()
print(models.pid, flush=True)
signal.pause()
"""


def test_the_child_of_a_killed_gateway_ends_and_never_knew_its_secrets(chat):
    command = [sys.executable, "-c", PARENT, str(chat.path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-secret", "ROUTER_JWT_SECRET": "secret"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as gateway:
        child = int(gateway.stdout.readline())
        known = Path(f"/proc/{child}/environ").read_text()
        gateway.kill()

    assert "secret" not in known
    assert "OMP_WAIT_POLICY=passive" in known
    assert has_ended(child, within=5)


def test_a_file_that_is_no_model_is_refused_in_words(tmp_path):
    (tmp_path / "notes.gguf").write_text("not a model")

    with pytest.raises(EngineFailed, match=r"notes\.gguf: not a GGUF file"):
        LocalModels(tmp_path / "notes.gguf", "m").start()


def test_a_broken_model_is_refused_in_words(tmp_path):
    (tmp_path / "cut.gguf").write_bytes(b"GGUF" + bytes(100))

    with pytest.raises(EngineFailed, match=r"cut\.gguf"):
        LocalModels(tmp_path / "cut.gguf", "m").start()
