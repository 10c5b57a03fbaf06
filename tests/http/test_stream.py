"""POST /completion as a stream, byte by byte (2.3.4 to 2.3.10, X-4)."""

import json
import time
from decimal import Decimal

import pytest

from tests.gateway import Client, Gateway, refused
from tests.upstream import STORY, USAGE, Upstream
from tests.wire import Answer, leave, posting, read, read_until, stream

MODELS = ["gpt-4o", "gpt-3.5-turbo", "mistral-large-latest"]
METERED = {"usage", "usage_by_model", "latency_s", "emissions_kgCO2eq", "emissions_gCO2eq", "pricing", "equivalences"}
LEFT_WITHIN_S = 1.0
SETTLED_WITHIN_S = 10.0


def told(answer: Answer) -> str:
    """Return the concatenated text, after checking that one final event, and only the last, ends it."""
    assert (answer.status, answer.clean_end) == (200, True)
    events = answer.events
    assert [event["done"] for event in events] == [False] * (len(events) - 1) + [True]
    return "".join(event["content"] for event in events)


# 2.3.4, 2.3.5, 2.3.9, 2.3.10
@pytest.mark.parametrize("agent", ["V1", "V2"])
@pytest.mark.parametrize("model", MODELS)
def test_stream_is_the_promised_bytes(client: Client, upstream: Upstream, model: str, agent: str) -> None:
    answer = stream(client, upstream.expect(), model=model, agent=agent)

    assert told(answer) == "".join(STORY)
    *deltas, final = answer.events
    assert [event["content"] for event in deltas] == list(STORY)
    for event in deltas:
        assert list(event) == ["content", "done", "metadata"]
        assert event["metadata"] == {"model": model, "agent": agent}
    assert list(final) == ["content", "done", "metadata"]
    assert final["content"] == ""
    receipt = final["metadata"]
    assert (receipt["model"], receipt["agent"], receipt["message_count"]) == (model, agent, 2)
    assert set(receipt) >= METERED
    counts = {"input_tokens", "output_tokens", "total_tokens"}
    assert counts <= set(receipt["usage"]) <= counts | {"prompt_tokens", "completion_tokens"}


# 2.3.6
def test_headers_keep_proxies_from_holding_it_back(client: Client) -> None:
    headers = stream(client, "Bonjour").headers

    assert headers["content-type"].split(";")[0] == "text/event-stream"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers
    assert headers["x-request-id"]


HOSTILE = {
    "line-ends": ("a\r\n\r\n", "data: [DONE]\n\n", "event: x\rid: 1\n", "\u2028\u2029\x85"),
    "controls": ("\x00\x01\x1b[31m\x7f", "\t", '"\\'),
    "accents-and-faces": (" été", " 😀👩\u200d👩\u200d👧", " 漢字", " \u0301"),
    "our-own-words": ('{"content":"","done":true}', "data: {}", ": comment"),
    "burst": tuple(f" mot{number}" for number in range(3000)),
    "one-giant-piece": ("x" * 100_000,),
    "giant-escapes": ("é😀" * 10_000, "\n\x00" * 10_000),
}


# 2.3.6: whatever the model says, events are whole, ASCII and under 16 KB.
@pytest.mark.parametrize("model", ["gpt-4o", "mistral-large-latest"])
@pytest.mark.parametrize("pieces", HOSTILE.values(), ids=HOSTILE)
def test_any_text_arrives_whole(client: Client, upstream: Upstream, pieces: tuple[str, ...], model: str) -> None:
    answer = stream(client, upstream.expect(pieces=pieces), model=model)

    assert told(answer) == "".join(pieces)


def test_empty_answer_is_one_final_event(client: Client, upstream: Upstream) -> None:
    answer = stream(client, upstream.expect(pieces=()))

    assert told(answer) == ""


# 2.3.6: none is held back to fill a write.
def test_first_event_comes_while_the_vendor_still_thinks(client: Client, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=1)

    with posting(client, message=prompt, stream=True) as wire:
        got = read_until(wire, b'"done"')
        upstream.release(prompt)
        got += read_until(wire, b"0\r\n\r\n")

    assert got.index(b'"Il"') < got.index(b"usage_by_model")


def test_concurrent_streams_keep_to_themselves(client: Client, upstream: Upstream) -> None:
    prompts = [upstream.expect(pieces=(f"réponse {number}", " fin"), hold_after=1) for number in range(8)]

    streams = [posting(client, message=prompt, stream=True) for prompt in prompts]
    wires = [entered.__enter__() for entered in streams]
    for prompt in reversed(prompts):
        upstream.release(prompt)
    answers = [told(read(wire)) for wire in wires]
    for entered in streams:
        entered.__exit__(None, None, None)

    assert answers == [f"réponse {number} fin" for number in range(8)]


# 2.3.9: usage is what the vendor counted, whichever way it says so.
@pytest.mark.parametrize("model", MODELS)
def test_stream_counts_what_the_vendor_counted(client: Client, upstream: Upstream, model: str) -> None:
    *_, final = stream(client, upstream.expect(), model=model).events

    usage = final["metadata"]["usage"]
    counted = (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])
    assert counted == tuple(USAGE.values())
    assert final["metadata"]["usage_source"] == "provider"


# 2.3.7, X-4, M-3b: what was produced is still owed.
@pytest.mark.parametrize("model", ["gpt-4o", "mistral-large-latest"])
def test_cut_stream_ends_with_an_error_event(client: Client, gateway: Gateway, upstream: Upstream, model: str) -> None:
    answer = stream(client, upstream.expect(cut_after=3), model=model)

    *deltas, final = answer.events
    assert (answer.status, answer.clean_end) == (200, True)
    assert "".join(event["content"] for event in deltas) == "".join(STORY[:3])
    assert (final["content"], final["done"]) == ("", True)
    assert set(final) == {"content", "done", "metadata", "error"}
    assert {"message", "type", "code"} <= set(final["error"])
    assert final["error"]["code"] == "provider_error"
    receipt = final["metadata"]
    assert receipt["usage_source"] == "estimated"
    assert receipt["usage"]["output_tokens"] >= 1
    assert receipt["pricing"]["total_cost"] > 0
    row = gateway.row(receipt["request_id"])
    assert (row["status"], row["cost_eur"]) == ("partial", receipt["pricing"]["total_cost"])


# 2.3.8: on a hang-up upstream is closed within a second, and one row says so.
@pytest.mark.parametrize("model", ["gpt-4o", "mistral-large-latest"])
def test_client_that_leaves_is_still_charged(client: Client, gateway: Gateway, upstream: Upstream, model: str) -> None:
    prompt = upstream.expect(hold_after=3)
    with posting(client, message=prompt, model=model, stream=True) as wire:
        head = read_until(wire, STORY[2].encode())
        left = leave(wire)

    (seen,) = upstream.seen(prompt)
    assert seen.dropped.wait(5)
    assert (seen.dropped_at or 0) - left <= LEFT_WITHIN_S
    row = gone(gateway, head)
    assert row["usage_source"] == "estimated"
    assert row["input_tokens"] > 0
    assert row["output_tokens"] >= 1
    assert row["cost_eur"] > 0


def gone(gateway: Gateway, head: bytes) -> dict[str, object]:
    """Return the row of a client that left, as soon as it is settled."""
    request_id = head.split(b"\r\n\r\n")[0].lower().split(b"x-request-id: ")[1].split(b"\r\n")[0].decode()
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < deadline:
        rows = [row for row in gateway.books() if row["request_id"] == request_id]
        if rows and rows[0]["status"] == "client_gone":
            assert len(rows) == 1
            return rows[0]
    raise AssertionError(f"no row `client_gone` for {request_id}: {rows}")


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "json"])
def test_client_that_leaves_before_the_answer_stops_the_vendor(
    client: Client, gateway: Gateway, upstream: Upstream, *, streamed: bool
) -> None:
    prompt = upstream.expect(hold_after=0)
    before = sum(row["status"] == "client_gone" for row in gateway.books())
    with posting(client, message=prompt, stream=streamed) as wire:
        deadline = time.monotonic() + 5
        while not (seen := upstream.seen(prompt)):
            assert time.monotonic() < deadline
        assert seen[0].answering.wait(5)
        left = leave(wire)

    assert seen[0].dropped.wait(5)
    assert (seen[0].dropped_at or 0) - left <= LEFT_WITHIN_S
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while sum(row["status"] == "client_gone" for row in gateway.books()) != before + 1:
        assert time.monotonic() < deadline


# A reader that stops reading stops the vendor: the gateway holds no more than its buffers.
def test_slow_reader_holds_the_vendor_back(client: Client, upstream: Upstream) -> None:
    pieces = ("x" * 100_000,) * 1000
    prompt = upstream.expect(pieces=pieces)

    with posting(client, message=prompt, stream=True) as wire:
        read_until(wire, b'"done"')
        for _ in range(50):
            client.get("/models")
        (seen,) = upstream.seen(prompt)
        held_back = seen.pieces_sent
        leave(wire)

    assert held_back < len(pieces)
    assert seen.dropped.wait(5)


# 2.3.5: silence before the first event is filled with comments, and a later failure is in-band.
@pytest.mark.prove
def test_silence_is_filled_after_fifteen_seconds(client: Client, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=0)

    began = time.monotonic()
    with posting(client, 60, message=prompt, stream=True) as wire:
        got = read_until(wire, b"\r\n:")
        waited = time.monotonic() - began
        upstream.release(prompt)
        got += read_until(wire, b"0\r\n\r\n")

    assert 14 <= waited <= 17
    assert got.startswith(b"HTTP/1.1 200")
    final = json.loads(got[got.rindex(b"data: ") + 6 :].split(b"\n")[0])
    assert final["done"] is True
    # What counts is the first word, not the comment that went before it.
    assert final["metadata"]["ttft_s"] == pytest.approx(waited, abs=2)


@pytest.mark.prove
def test_failure_after_a_keep_alive_is_in_band(client: Client, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=0, status=500)

    with posting(client, 60, message=prompt, stream=True) as wire:
        upstream_waits = read_until(wire, b"\r\n:")
        upstream.release(prompt)
        rest = read_until(wire, b"0\r\n\r\n")

    assert upstream_waits.startswith(b"HTTP/1.1 200")
    assert json.loads(rest[rest.rindex(b"data: ") + 6 :].split(b"\n")[0])["error"]["code"] == "provider_error"


def test_refusal_of_a_stream_is_plain_json(client: Client) -> None:
    refused(client.ask("Bonjour", stream=True, model="gpt-9-nobody"), 400, "model_not_found")


# C-8, 2.3.4: what the last event says is what the books hold.
def test_last_event_equals_the_books(client: Client, gateway: Gateway, upstream: Upstream) -> None:
    *_, final = stream(client, upstream.expect()).events

    receipt = final["metadata"]
    row = gateway.row(receipt["request_id"])
    assert row["status"] == "ok"
    assert Decimal(row["cost_eur"]) == receipt["pricing"]["total_cost"]
    assert Decimal(row["emissions_kgCO2eq"]) == receipt["emissions_kgCO2eq"]
