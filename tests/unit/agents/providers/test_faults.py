"""What an upstream can say wrongly, from a real socket, against the real adapter."""

import pytest

from agents.errors import (
    AnswerCut,
    PromptRefused,
    ProviderBusy,
    ProviderDown,
)
from agents.messages import Done, Text
from metering.usage import Usage
from tests.faults.prompts import collect, failure_of, prompt, text_of
from tests.faults.wire import ANSWER, SECRET

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
COUNTED = Usage(input_uncached=11, output_visible=5)


# Odd, but allowed by HTTP.
PLAIN = ["gzip", "deflate", "interim", "close_delimited", "closes"]


@BOTH
@pytest.mark.parametrize(
    "scenario", ["ok", "no_done", "usage_twice", "usage_null_choices", "mistral", "ctype_text", *PLAIN]
)
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
    error, _ = await failure_of(provider, scenario)

    assert error.retry_after == seconds


@BOTH
@pytest.mark.parametrize(
    "scenario",
    [
        "malformed_json",
        "nan",
        "gzip_lie",
        "brotli",
        "deep",
        "no_choices",
        "wrong_types",
        "bad_utf8",
        "html",
        "empty",
        "only_done",
        "null",
    ],
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


@pytest.mark.parametrize("scenario", ["truncated", "truncated_reset", "short_length", "gzip_short"])
async def test_a_whole_answer_that_is_cut_is_the_provider_being_down(provider, scenario):
    error, _ = await failure_of(provider, scenario)

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
