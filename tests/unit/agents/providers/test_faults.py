"""Every fault of a chat upstream, from a real socket, against the real adapter."""

import asyncio
import gc
import resource
import socket
import time
from contextlib import aclosing, suppress

import pytest

from agents.errors import (
    AnswerCut,
    PromptRefused,
    ProviderBusy,
    ProviderDown,
    ProviderError,
    ProviderTimeout,
)
from agents.messages import Done, Text
from agents.providers.openai import connect
from agents.providers.transport import Timeouts, Upstream
from metering.usage import Usage
from tests.faults.prompts import QUICK, collect, prompt, text_of
from tests.faults.upstream import FaultyUpstream
from tests.faults.wire import ANSWER, SECRET, bomb

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
COUNTED = Usage(input_uncached=11, output_visible=5)


@pytest.fixture
async def upstream():
    async with FaultyUpstream() as server:
        yield server


@pytest.fixture
async def provider(upstream):
    chat = connect(Upstream("openai", upstream.base_url, "sk-ours", QUICK))
    yield chat
    await chat.aclose()


async def failure_of(provider, scenario, *, stream):
    events = []
    with pytest.raises(ProviderError) as caught:
        async with aclosing(provider.stream(prompt(scenario, stream=stream))) as answer:
            async for event in answer:
                events.append(event)  # noqa: PERF401  # what came before the error counts
    return caught.value, text_of(events)


@BOTH
@pytest.mark.parametrize("scenario", ["ok", "no_done", "usage_twice", "usage_null_choices", "mistral", "ctype_text"])
async def test_an_honest_answer_arrives_whole_and_counted_once(provider, scenario, stream):
    if scenario == "ctype_text" and stream:
        scenario = "ctype_json_for_stream"

    events = await collect(provider, prompt(scenario, stream=stream))

    assert text_of(events) == ANSWER
    assert events[-1].usage == COUNTED
    assert [type(event) for event in events].count(Done) == 1


@pytest.mark.parametrize("scenario", ["one_byte_chunks", "crlf", "cr", "bom", "comments", "one_read"])
async def test_text_survives_every_way_of_cutting_and_framing(provider, scenario):
    events = await collect(provider, prompt(scenario, stream=True))

    assert text_of(events) == ANSWER
    assert events[-1] == Done(usage=COUNTED, finish_reason="stop")


async def test_pieces_read_together_come_in_one_event_as_they_were_cut(provider):
    events = await collect(provider, prompt("one_read", stream=True))

    assert events[0] == Text(["The", " café", " is", " open", " ☕."])


async def test_events_in_answer_to_a_whole_request_are_read_too(provider):
    events = await collect(provider, prompt("ctype_stream_for_json"))

    assert text_of(events) == ANSWER


@BOTH
@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        ("usage_zero", "nothing"),
        ("usage_negative", "negative"),
        ("usage_string", "not token"),
        ("usage_huge", "more than"),
        ("usage_endless", "not token"),
        ("usage_list", "not token"),
    ],
)
async def test_absurd_usage_never_breaks_an_answer(provider, scenario, why, stream):
    events = await collect(provider, prompt(scenario, stream=stream))

    assert text_of(events) == ANSWER
    assert events[-1].usage is None
    assert why in events[-1].usage_refused


@BOTH
async def test_missing_usage_is_none_and_not_refused(provider, stream):
    events = await collect(provider, prompt("usage_none", stream=stream))

    assert events[-1] == Done(finish_reason="stop")


@BOTH
@pytest.mark.parametrize(
    ("scenario", "kind", "code", "retryable"),
    [
        ("s400", PromptRefused, "http_400", False),
        ("s413", PromptRefused, "http_413", False),
        ("s422", PromptRefused, "http_422", False),
        ("s401", ProviderDown, "http_401", False),
        ("s403", ProviderDown, "http_403", False),
        ("s404", ProviderDown, "http_404", False),
        ("s418", ProviderDown, "http_4xx", False),
        ("s408", ProviderDown, "http_408", True),
        ("s409", ProviderDown, "http_409", True),
        ("s500", ProviderDown, "http_500", True),
        ("s500_html", ProviderDown, "http_500", True),
        ("s500_empty", ProviderDown, "http_500", True),
        ("s502", ProviderDown, "http_502", True),
        ("s503", ProviderDown, "http_503", True),
        ("s504", ProviderDown, "http_504", True),
        ("s529", ProviderDown, "http_529", True),
        ("s599", ProviderDown, "http_5xx", True),
        ("s429", ProviderBusy, "http_429", False),
        ("redirect_301", ProviderDown, "redirect", False),
        ("redirect_302", ProviderDown, "redirect", False),
        ("redirect_307", ProviderDown, "redirect", False),
        ("redirect_308", ProviderDown, "redirect", False),
    ],
)
async def test_a_status_becomes_one_error_with_a_closed_label_and_no_word_of_the_provider(
    upstream, provider, scenario, kind, code, retryable, stream
):
    error, _ = await failure_of(provider, scenario, stream=stream)

    assert (type(error), error.code, error.retryable, error.accepted) == (kind, code, retryable, False)
    assert len(upstream.headers) == 1
    assert SECRET not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize(
    ("scenario", "seconds"),
    [("s429_seconds", 1), ("s429_long", 120), ("s429_year", 3600), ("s429_date", 3600), ("s429_garbage", None)],
)
async def test_the_wait_that_a_busy_provider_asks_is_read_and_capped(provider, scenario, seconds):
    error, _ = await failure_of(provider, scenario, stream=False)

    assert error.retry_after == seconds


@BOTH
@pytest.mark.parametrize(
    "scenario",
    ["malformed_json", "nan", "deep", "no_choices", "wrong_types", "bad_utf8", "html", "empty", "only_done", "null"],
)
async def test_what_is_not_an_answer_is_the_provider_being_down(provider, scenario, stream):
    error, text = await failure_of(provider, scenario, stream=stream)

    assert (type(error), error.accepted, error.retryable, text) == (ProviderDown, True, False, "")


@BOTH
@pytest.mark.parametrize("scenario", ["error_200", "error_first"])
async def test_an_error_object_under_status_200_is_the_provider_being_down(provider, scenario, stream):
    error, _ = await failure_of(provider, scenario, stream=stream)

    assert (type(error), error.code) == (ProviderDown, "error_object")
    assert SECRET not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize(
    ("scenario", "code", "text"),
    [
        ("error_event", "error_object", "The café"),
        ("error_plain_event", "error_object", "The café"),
        ("malformed_mid", "malformed", "The café"),
        ("truncated", "cut", "The café is"),
        ("truncated_reset", "cut", "The café is"),
        ("truncated_clean", "cut", "The café is"),
        ("truncated_close_delimited", "cut", "The café is"),
    ],
)
async def test_an_answer_that_breaks_off_gives_its_text_and_then_an_error_never_a_clean_end(
    provider, scenario, code, text
):
    error, arrived = await failure_of(provider, scenario, stream=True)

    assert (type(error), error.code, error.accepted, error.retryable) == (AnswerCut, code, True, False)
    assert arrived == text


@pytest.mark.parametrize("scenario", ["truncated", "truncated_reset", "short_length", "gzip_lie"])
async def test_a_whole_answer_that_is_cut_is_the_provider_being_down(provider, scenario):
    error, _ = await failure_of(provider, scenario, stream=False)

    assert (type(error), error.code, error.accepted) == (ProviderDown, "cut", True)


@BOTH
@pytest.mark.parametrize(
    ("scenario", "code", "retryable"),
    [
        ("reset", "reset", True),
        ("closed", "reset", True),
        ("garbage", "malformed", False),
        ("giant_headers", "malformed", False),
        ("many_headers", "malformed", False),
    ],
)
async def test_no_head_is_the_provider_being_down(provider, scenario, code, retryable, stream):
    error, _ = await failure_of(provider, scenario, stream=stream)

    assert (type(error), error.code, error.accepted, error.retryable) == (ProviderDown, code, False, retryable)
    assert error.__cause__ is None


@BOTH
@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("hang", "timeout_first_byte"),
        ("slow_head", "timeout_first_byte"),
        ("slow_body", "timeout_first_byte"),
        ("stall_mid", "timeout_idle"),
    ],
)
async def test_silence_ends_at_its_limit_and_leaves_no_connection(upstream, provider, scenario, code, stream):
    began = time.monotonic()

    error, text = await failure_of(provider, scenario, stream=stream)

    assert (type(error), error.code, error.accepted) == (ProviderTimeout, code, True)
    assert text == ("The café" if scenario == "stall_mid" and stream else "")
    assert 0.1 < time.monotonic() - began < 1
    await asyncio.wait_for(upstream.left.wait(), 1)
    assert upstream.open_connections == 0


async def test_an_endless_drip_ends_at_the_total_limit(upstream):
    chat = connect(Upstream("openai", upstream.base_url, None, Timeouts(first_byte=1, idle=1, total=0.3)))

    error, _ = await failure_of(chat, "drip", stream=True)

    assert (type(error), error.code) == (ProviderTimeout, "timeout_total")
    await chat.aclose()


@pytest.mark.parametrize(
    ("scenario", "stream"), [("gzip_bomb", False), ("gzip_bomb", True), ("giant_line", True), ("giant_body", False)]
)
async def test_giant_answers_are_refused_in_bounded_memory(provider, scenario, stream):
    bomb(256)  # made before the clock runs
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    error, _ = await failure_of(provider, scenario, stream=stream)

    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert type(error) is ProviderDown
    assert grown_mb < 100


@BOTH
async def test_a_kept_connection_that_died_is_replaced_in_silence_once(upstream, provider, stream):
    await collect(provider, prompt("stale_keepalive", stream=stream))

    events = await collect(provider, prompt("stale_keepalive", stream=stream))

    assert text_of(events) == ANSWER
    assert (len(upstream.requests), upstream.connections) == (3, 2)


async def test_a_kept_connection_that_began_to_answer_is_not_asked_again(upstream, provider):
    await collect(provider, prompt("stale_half"))

    error, _ = await failure_of(provider, "stale_half", stream=False)

    assert type(error) is ProviderDown
    assert len(upstream.requests) == 2


async def test_a_new_connection_that_dies_is_not_asked_again(upstream, provider):
    await failure_of(provider, "reset", stream=False)

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


async def test_the_end_mark_ends_the_answer_even_if_the_body_goes_on(provider):
    events = await asyncio.wait_for(collect(provider, prompt("done_and_silent", stream=True)), 0.14)

    assert text_of(events) == ANSWER


async def test_closing_early_closes_the_upstream_call_at_once(upstream, provider):
    answer = provider.stream(prompt("stall_mid", stream=True))
    await anext(answer)

    await answer.aclose()

    await asyncio.wait_for(upstream.left.wait(), 1)
    assert upstream.open_connections == 0


async def test_cancelling_closes_the_upstream_call_at_once(upstream, provider):
    task = asyncio.ensure_future(collect(provider, prompt("hang")))
    while not upstream.hanging:
        await asyncio.sleep(0)

    task.cancel()

    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    await asyncio.wait_for(upstream.left.wait(), 1)


async def test_twenty_hung_calls_do_not_hold_back_others(upstream):
    chat = connect(Upstream("openai", upstream.base_url, None))
    hung = [asyncio.ensure_future(collect(chat, prompt("hang"))) for _ in range(20)]
    while upstream.hanging < len(hung):
        await asyncio.sleep(0)

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
    await failure_of(provider, "s500", stream=False)

    await collect(provider, prompt("ok"))

    assert SECRET.encode() not in upstream.headers[1]


async def test_the_environment_gives_no_proxy(upstream, provider, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    events = await collect(provider, prompt("ok"))

    assert text_of(events) == ANSWER


@pytest.mark.parametrize(
    ("base_url", "code"),
    [("http://127.0.0.1:1/v1", "refused"), ("http://nowhere.invalid/v1", "dns")],
)
async def test_a_provider_that_cannot_be_reached_is_down_and_worth_a_second_try(base_url, code):
    chat = connect(Upstream("openai", base_url, None, Timeouts(connect=5)))

    error, _ = await failure_of(chat, "ok", stream=False)

    assert (type(error), error.code, error.accepted, error.retryable) == (ProviderDown, code, False, True)
    await chat.aclose()


async def test_a_plain_server_under_https_is_a_tls_failure(upstream):
    chat = connect(Upstream("openai", upstream.base_url.replace("http:", "https:"), None, QUICK))

    error, _ = await failure_of(chat, "ok", stream=False)

    assert (type(error), error.accepted) in {(ProviderDown, False), (ProviderTimeout, False)}
    await chat.aclose()


async def test_a_connection_that_is_never_taken_ends_at_the_connect_limit():
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = listener.getsockname()
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.connect(address)
    chat = connect(Upstream("openai", f"http://127.0.0.1:{address[1]}/v1", None, Timeouts(connect=0.2)))

    error, _ = await failure_of(chat, "ok", stream=False)

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
