"""How connections to an upstream are opened, kept and closed."""

import asyncio
import gc
import socket
import ssl
from contextlib import suppress

import pytest

from agents.errors import (
    ProviderDown,
    ProviderTimeout,
)
from agents.providers.openai import connect
from agents.providers.transport import Timeouts, Upstream
from metering.usage import Usage
from tests.certificate import self_signed
from tests.faults.prompts import HASTY, collect, failure_of, prompt, text_of
from tests.faults.upstream import FaultyUpstream
from tests.faults.wire import ANSWER, SECRET

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
COUNTED = Usage(input_uncached=11, output_visible=5)


@BOTH
async def test_a_kept_connection_that_died_is_replaced_in_silence_once(upstream, provider, stream):
    await collect(provider, prompt("stale_keepalive", stream=stream))

    events = await collect(provider, prompt("stale_keepalive", stream=stream))

    assert text_of(events) == ANSWER
    assert (len(upstream.requests), upstream.connections) == (3, 2)


async def test_a_kept_connection_that_began_to_answer_is_not_asked_again(upstream, provider):
    await collect(provider, prompt("stale_half"))

    error, _ = await failure_of(provider, "stale_half")

    assert type(error) is ProviderDown
    assert len(upstream.requests) == 2


async def test_a_new_connection_that_dies_is_not_asked_again(upstream, provider):
    await failure_of(provider, "reset")

    assert len(upstream.requests) == 1


async def test_an_answer_that_nobody_asked_for_is_never_taken_for_ours(upstream, provider):
    await collect(provider, prompt("talks_unasked"))

    events = await collect(provider, prompt("ok"))

    assert text_of(events) == ANSWER
    assert upstream.connections == 2


@BOTH
async def test_connections_are_kept_between_answers(upstream, provider, stream):
    for _ in range(5):
        await collect(provider, prompt("ok", stream=stream))

    assert (len(upstream.requests), upstream.connections) == (5, 1)


async def test_a_connection_that_the_provider_closes_is_not_used_again(upstream, provider):
    await collect(provider, prompt("closes"))

    await collect(provider, prompt("closes"))

    assert upstream.connections == 2


@BOTH
async def test_a_compressed_answer_ends_where_its_content_does(provider, stream):
    events = await asyncio.wait_for(collect(provider, prompt("gzip_unended", stream=stream)), 2)

    assert text_of(events) == ANSWER


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        ("ftp://host/v1", None),
        ("host/v1", None),
        ("http://", None),
        ("http://host/v1", "k\r\nX: 1"),
        ("http://host", "clé"),
    ],
)
def test_an_address_or_key_that_cannot_work_is_refused_at_once(base_url, key):
    with pytest.raises(ValueError, match="cluster: the"):
        connect(Upstream("cluster", base_url, key))


async def test_the_end_mark_ends_the_answer_even_if_the_body_goes_on(provider):
    events = await asyncio.wait_for(collect(provider, prompt("done_and_silent", stream=True)), 2)

    assert text_of(events) == ANSWER


async def test_closing_early_closes_the_upstream_call_at_once(upstream, provider):
    answer = provider.stream(prompt("stall_mid", stream=True))
    await anext(answer)

    await answer.aclose()

    await asyncio.wait_for(upstream.left.wait(), 1)
    assert upstream.open_connections == 0


async def test_cancelling_closes_the_upstream_call_at_once(upstream, provider):
    task = asyncio.ensure_future(collect(provider, prompt("hang")))
    await upstream.hanging.acquire()

    task.cancel()

    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    await asyncio.wait_for(upstream.left.wait(), 1)


async def test_twenty_hung_calls_do_not_hold_back_others(upstream):
    chat = connect(Upstream("openai", upstream.base_url, None))
    hung = [asyncio.ensure_future(collect(chat, prompt("hang"))) for _ in range(20)]
    for _ in hung:
        await upstream.hanging.acquire()

    events = await asyncio.wait_for(collect(chat, prompt("ok")), 1)

    assert text_of(events) == ANSWER
    for task in hung:
        task.cancel()
    await asyncio.gather(*hung, return_exceptions=True)
    await chat.aclose()


async def test_only_our_own_headers_are_sent(upstream, provider):
    await collect(provider, prompt("ok"))

    lines = upstream.headers[0].decode().split("\r\n")
    assert lines[0] == "POST /v1/chat/completions HTTP/1.1"
    assert {line.partition(":")[0].lower() for line in lines[1:] if line} == {
        *("host", "authorization", "content-type", "content-length", "accept", "accept-encoding", "user-agent")
    }
    assert "Authorization: Bearer sk-ours" in lines


async def test_cookies_are_neither_kept_nor_sent(upstream, provider):
    await failure_of(provider, "s500")

    await collect(provider, prompt("ok"))

    assert SECRET.encode() not in upstream.headers[1]


async def test_the_environment_gives_no_proxy(provider, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    events = await collect(provider, prompt("ok"))

    assert text_of(events) == ANSWER


@pytest.mark.parametrize(
    ("base_url", "code"),
    [("http://127.0.0.1:1/v1", "refused"), ("http://nowhere.invalid/v1", "dns")],
)
async def test_a_provider_that_cannot_be_reached_is_down_and_worth_a_second_try(base_url, code):
    chat = connect(Upstream("openai", base_url, None, Timeouts(connect=5)))

    error, _ = await failure_of(chat, "ok")

    assert (type(error), error.code, error.accepted, error.retryable) == (ProviderDown, code, False, True)
    await chat.aclose()


async def test_a_plain_server_under_https_is_a_tls_failure(upstream):
    chat = connect(Upstream("openai", upstream.base_url.replace("http:", "https:"), None, HASTY))

    error, _ = await failure_of(chat, "ok")

    assert (type(error), error.accepted) in {(ProviderDown, False), (ProviderTimeout, False)}
    await chat.aclose()


async def test_a_connection_that_is_never_taken_ends_at_the_connect_limit():
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = listener.getsockname()
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)  # noqa: FBT003  # the socket module takes no name here
        with suppress(BlockingIOError):
            each.connect(address)
    chat = connect(Upstream("openai", f"http://127.0.0.1:{address[1]}/v1", None, Timeouts(connect=0.2)))

    error, _ = await failure_of(chat, "ok")

    assert (type(error), error.code, error.accepted) == (ProviderTimeout, "timeout_connect", False)
    await chat.aclose()
    for each in (listener, *waiting):
        each.close()


async def test_nothing_is_left_open_after_closing(upstream):
    chat = connect(Upstream("openai", upstream.base_url, None))
    await collect(chat, prompt("ok"))

    await chat.aclose()

    await asyncio.wait_for(upstream.left.wait(), 1)
    gc.collect()
    assert upstream.open_connections == 0


@pytest.fixture
def certificate(tmp_path):
    return self_signed(tmp_path)


@pytest.fixture
async def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with FaultyUpstream(tls=context) as server:
        yield server


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent(secure):
    chat = connect(Upstream("openai", secure.base_url, "sk-ours"))

    error, _ = await failure_of(chat, "ok")

    assert (type(error), error.code, error.accepted) == (ProviderDown, "tls", False)
    assert secure.headers == []
    await chat.aclose()


@BOTH
async def test_an_authority_named_by_the_environment_is_trusted(secure, certificate, monkeypatch, stream):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    chat = connect(Upstream("openai", secure.base_url, "sk-ours"))

    for _ in range(2):
        events = await collect(chat, prompt("ok", stream=stream))

    assert text_of(events) == ANSWER
    assert secure.connections == 1
    await chat.aclose()
