"""POST /completion as JSON: what may be asked and what comes back (2.2, 2.3.1 to 2.3.3, 2.3.9, C-10)."""

import http.client
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests

from tests.gateway import Client, exact, refused
from tests.upstream import MISTRAL_KEY, OPENAI_KEY, STORY, Upstream

MODELS = ["gpt-4o", "gpt-3.5-turbo", "mistral-large-latest"]
USAGE_KEYS = {"prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"}
HISTORY = [{"role": "user", "content": "Bonjour"}, {"role": "assistant", "content": "Salut"}]


# 2.3.1, 2.3.3, 2.3.9
@pytest.mark.parametrize("agent", ["V1", "V2"])
@pytest.mark.parametrize("model", MODELS)
def test_answer_has_the_promised_shape(client: Client, upstream: Upstream, model: str, agent: str) -> None:
    response = client.ask(upstream.expect(), model=model, agent=agent, stream=False, temperature=0.7)

    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    answer = response.json()
    assert set(answer) == {"response", "model", "agent", "usage", "metadata"}
    assert (answer["response"], answer["model"], answer["agent"]) == ("".join(STORY), model, agent)
    assert set(answer["usage"]) == USAGE_KEYS
    usage = answer["usage"]
    assert usage["prompt_tokens"] == usage["input_tokens"] == answer["metadata"]["usage"]["input_tokens"]
    assert usage["completion_tokens"] == usage["output_tokens"] == answer["metadata"]["usage"]["output_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert list(answer["metadata"]["usage_by_model"]) == list(answer["metadata"]["pricing"]["by_model"]) == [model]


# 2.2: the defaults
def test_bare_message_gets_the_defaults(client: Client, upstream: Upstream) -> None:
    prompt = upstream.expect()

    answer = client.ask(prompt).json()

    assert (answer["model"], answer["agent"], answer["metadata"]["message_count"]) == ("gpt-4o", "V2", 2)
    (seen,) = upstream.seen(prompt)
    assert seen.body["temperature"] == 0.7
    assert not seen.body.get("stream")
    assert seen.body["messages"][-1] == {"role": "user", "content": prompt}


# 2.2: what the caller sets goes to the vendor, in the vendor's own words, under the vendor's own key.
@pytest.mark.parametrize(("model", "key"), [("gpt-4o", OPENAI_KEY), ("mistral-large-latest", MISTRAL_KEY)])
def test_settings_and_history_reach_the_vendor(client: Client, upstream: Upstream, model: str, key: str) -> None:
    prompt = upstream.expect()
    settings = {"temperature": 0, "top_p": 0.5, "max_tokens": 64}

    response = client.ask(prompt, model=model, conversation_history=HISTORY, user="someone", **settings)

    assert response.json()["metadata"]["message_count"] == 4
    (seen,) = upstream.seen(prompt)
    assert seen.headers["authorization"] == f"Bearer {key}"
    assert seen.body["model"].startswith(model.removesuffix("-latest"))
    turns = [turn for turn in seen.body["messages"] if turn["role"] != "system"]
    assert turns == [*HISTORY, {"role": "user", "content": prompt}]
    assert (seen.body["temperature"], seen.body["top_p"]) == (0, 0.5)
    assert 64 in {seen.body.get("max_tokens"), seen.body.get("max_completion_tokens")}
    assert "tests" not in seen.headers.get("cookie", "")


@pytest.mark.parametrize(
    "fields",
    [
        {"agent": "V1", "agent_type": "V1"},
        {"agent_type": "V1"},
        {"temperature": 2, "top_p": 1, "max_tokens": 1},
        {"sources": []},
        {"project_id": None, "sources": []},
        {"conversation_history": []},
        {"metadata": {"trace": "42"}, "user": "u"},
        {"model": "auto"},
    ],
    ids=json.dumps,
)
def test_permitted_fields_are_accepted(client: Client, upstream: Upstream, fields: dict[str, object]) -> None:
    response = client.ask(upstream.expect(), **fields)

    assert response.status_code == 200, response.text
    assert response.json()["agent"] == ("V1" if "agent_type" in fields else "V2")
    assert response.json()["model"] != "auto"


UNKNOWN_SOURCE = "8a5b1de7-4ac3-4f45-b0f9-2e9571f6f3d1"
REFUSED = [
    ("message", {"message": ""}),
    ("message", {"message": " \n\t "}),
    ("message", {"message": 5}),
    ("message", {"message": None}),
    ("message", {"message": ["a"]}),
    ("message", {"message": "x" * 200_001}),
    ("model", {"model": 5}),
    ("agent", {"agent": 2}),
    ("stream", {"stream": "yes"}),
    ("stream", {"stream": 1}),
    ("temperature", {"temperature": "hot"}),
    ("temperature", {"temperature": -0.1}),
    ("temperature", {"temperature": 2.1}),
    ("top_p", {"top_p": 1.5}),
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": 1.5}),
    ("max_tokens", {"max_tokens": 2**70}),
    ("conversation_history", {"conversation_history": "none"}),
    ("role", {"conversation_history": [{"role": "system", "content": "obey"}]}),
    ("role", {"conversation_history": [{"role": "tool", "content": "obey"}]}),
    ("content", {"conversation_history": [{"role": "user"}]}),
    ("content", {"conversation_history": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("conversation_history", {"conversation_history": [{"role": "user", "content": "a"}] * 25_000}),
    ("sources", {"sources": [UNKNOWN_SOURCE]}),
    ("sources", {"project_id": "proj-abc123", "sources": ["not-a-uuid"]}),
    ("sources", {"project_id": "proj-abc123", "sources": "all"}),
    (UNKNOWN_SOURCE, {"project_id": "proj-abc123", "sources": [UNKNOWN_SOURCE]}),
    ("project_id", {"project_id": 5}),
    ("agent_type", {"agent": "V1", "agent_type": "V2"}),
    ("base_url", {"base_url": "http://127.0.0.1:1"}),
    ("api_key", {"api_key": "sk-mine"}),
    ("Message", {"Message": "twice"}),
]


# 2.2, 2.2.2, 2.2.4, C-10, X-3
@pytest.mark.parametrize(("named", "fields"), REFUSED, ids=[f"{name}-{str(data)[:50]}" for name, data in REFUSED])
def test_wrong_field_is_refused_and_named(
    client: Client, upstream: Upstream, named: str, fields: dict[str, object]
) -> None:
    before = len(upstream.requests)

    response = client.ask(**({"message": "Bonjour"} | fields))

    error = refused(response, 400, "invalid_request")
    assert named in json.dumps([error["param"], error["message"], response.json()["extra"]])
    assert len(upstream.requests) == before


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"model": "gpt-9-nobody"}, 400, "model_not_found"),
        ({"agent": "V3"}, 400, "agent_not_found"),
        ({"agent_type": "V3"}, 400, "agent_not_found"),
    ],
    ids=str,
)
def test_unknown_name_is_refused(client: Client, fields: dict[str, object], status: int, code: str) -> None:
    refused(client.ask("Bonjour", **fields), status, code)


def deep(levels: int) -> bytes:
    return b'{"message":"a","metadata":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"Bonjour"',
        b"{}",
        b'{"message":"a","temperature":NaN}',
        b'{"message":"a","temperature":1e999}',
        b'{"message":"\xff\xfe"}',
        '{"message":"a"}'.encode("utf-16"),
        b'{"message":"a"} {}',
        deep(100),
        deep(100_000),
        b"[" * 500_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_body_that_is_not_our_json_is_refused(client: Client, body: bytes) -> None:
    refused(client.send(body), 400, "invalid_request")


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_other_content_type_is_refused(client: Client, content_type: str | None) -> None:
    refused(client.send(b'{"message":"Bonjour"}', content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_content_type_may_be_dressed(client: Client, content_type: str) -> None:
    assert client.send(b'{"message":"Bonjour"}', content_type).status_code == 200


# 2.6b: 1 MB, told by its length or found by reading
def test_body_over_one_megabyte_is_refused(client: Client) -> None:
    body = json.dumps({"message": "a", "metadata": {"a": "b" * 1_100_000}}).encode()

    refused(client.send(body), 413, "body_too_large")


def test_chunked_body_over_one_megabyte_is_refused(client: Client) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"message":"a","metadata":{"a":"'
        for _ in range(40):
            yield b"b" * 30_000

    headers = client.bearer | {"Content-Type": "application/json"}
    try:
        response = requests.post(f"{client.gateway.url}/completion", data=pieces(), headers=headers, timeout=20)
    except requests.ConnectionError:
        return  # the gateway hung up while we were still sending: refused too
    refused(response, 413, "body_too_large")


def test_announced_size_is_refused_before_it_comes(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.gateway.port, timeout=5)
    connection.putrequest("POST", "/completion")
    for name, value in (client.bearer | {"Content-Type": "application/json", "Content-Length": str(10**10)}).items():
        connection.putheader(name, value)
    connection.endheaders()

    assert connection.getresponse().status == 413
    connection.close()


def test_message_just_under_the_limit_is_answered(client: Client, upstream: Upstream) -> None:
    prompt = upstream.expect()

    body = json.dumps({"message": prompt + "é" * (200_000 - len(prompt))}, ensure_ascii=False).encode()

    assert client.send(body).status_code == 200


# M-11
def test_headers_repeat_the_receipt(client: Client, upstream: Upstream) -> None:
    response = client.ask(upstream.expect())

    receipt = exact(response.text)["metadata"]
    assert response.headers["X-Request-Id"] == receipt["request_id"]
    assert Decimal(response.headers["X-Cost-EUR"]) == receipt["pricing"]["total_cost"]
    assert Decimal(response.headers["X-Emissions-gCO2eq"]) == receipt["emissions_gCO2eq"]
    assert float(response.headers["X-Latency-S"]) == pytest.approx(float(receipt["latency_s"]), abs=1e-6)


FAULTS = [
    ({"status": 500, "body": b"<html>SECRET-of-the-vendor</html>"}, 502, "provider_error"),
    ({"status": 503, "body": b'{"error":{"message":"SECRET-of-the-vendor"}}'}, 502, "provider_error"),
    ({"status": 401, "body": b'{"error":{"message":"SECRET-of-the-vendor"}}'}, 502, "provider_error"),
    ({"status": 403, "body": b"SECRET-of-the-vendor"}, 502, "provider_error"),
    ({"status": 404, "body": b"SECRET-of-the-vendor"}, 502, "provider_error"),
    ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, 502, "provider_error"),
    ({"body": b'{"error":{"message":"SECRET-of-the-vendor"}}'}, 502, "provider_error"),
    ({"body": b"not json: SECRET-of-the-vendor"}, 502, "provider_error"),
    ({"body": b'{"choices":[]}'}, 502, "provider_error"),
    ({"body": b"null"}, 502, "provider_error"),
    ({"body": b"[" * 100_000}, 502, "provider_error"),
    ({"cut_after": 1}, 502, "provider_error"),
    ({"status": 429, "headers": {"Retry-After": "7"}, "body": b"SECRET-of-the-vendor"}, 429, "rate_limited"),
    ({"status": 429, "headers": {"Retry-After": "31536000"}}, 429, "rate_limited"),
]


# C-10; facts/reliability.md 4: the vendor's own words, cookies and headers stay there.
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("reply", "status", "code"), FAULTS, ids=[str(fault[0])[:60] for fault in FAULTS])
def test_vendor_fault_has_one_answer(
    client: Client, upstream: Upstream, reply: dict[str, object], status: int, code: str, *, stream: bool
) -> None:
    if stream and "cut_after" in reply:
        reply = {"pieces": (), "body": b""}
    cookies = {"Set-Cookie": "session=SECRET", "X-Vendor": "SECRET", "openai-organization": "SECRET"}
    headers = cookies | reply.get("headers", {})

    response = client.ask(upstream.expect(**(reply | {"headers": headers})), stream=stream)

    refused(response, status, code)
    assert "SECRET" not in response.text + str(response.headers)
    if status == 429:
        assert 1 <= int(response.headers["Retry-After"]) <= 3600
