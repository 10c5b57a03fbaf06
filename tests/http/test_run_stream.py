"""`POST /api/v1/run` as a stream, byte by byte (3.1.5, X-4)."""

import time
import uuid
from decimal import Decimal

import pytest

from tests.gateway import Client, exact
from tests.http.accounts import Administrator, within
from tests.http.prompts import RUN, Team, failed, team
from tests.upstream import STORY, Upstream
from tests.wire import Answer, leave, posting, read, read_until

LEFT_WITHIN_S = 1.0
SETTLED_WITHIN_S = 10.0
FINAL = ["success", "output", "promptVersion", "durationMs", "model", "done", "metadata"]


@pytest.fixture(scope="module")
def shop(admin: Administrator) -> Team:
    return team(admin)


def told(answer: Answer) -> str:
    """Return the concatenated text, after checking that one final event, and only the last, ends it."""
    assert (answer.status, answer.clean_end) == (200, True)
    *deltas, final = answer.events
    assert all(list(event) == ["success", "delta", "done"] for event in deltas)
    assert all((event["success"], event["done"]) == (True, False) for event in deltas)
    assert final["done"] is True
    return "".join(event["delta"] for event in deltas)


@pytest.mark.parametrize("agent", ["V1", "V2"])
def test_stream_is_the_promised_bytes(shop: Team, upstream: Upstream, agent: str) -> None:
    name = shop.published(upstream.expect(), agent=agent)

    answer = shop.stream(name)

    assert told(answer) == "".join(STORY)
    final = answer.events[-1]
    assert list(final) == FINAL
    assert (final["success"], final["output"], final["promptVersion"]) == (True, "".join(STORY), 1)
    receipt = final["metadata"]
    assert (final["model"], final["durationMs"]) == ("gpt-4o", round(receipt["latency_s"] * 1000))
    assert answer.headers["content-type"].split(";")[0] == "text/event-stream"
    assert answer.headers["x-accel-buffering"] == "no"
    row = shop.booked(receipt["request_id"])
    assert Decimal(row["cost_eur"]) == receipt["pricing"]["total_cost"]
    assert (row["prompt_version"], row["stream"], row["status"]) == (1, 1, "ok")


@pytest.mark.parametrize(
    "pieces",
    [("a\r\n\r\n", "data: [DONE]\n\n", "\u2028\u2029\x85"), ("😀",) * 40, ('"\\', "</script>", "\x00"), ()],
    ids=["line-ends", "pairs", "escapes", "nothing"],
)
def test_any_text_arrives_whole(shop: Team, upstream: Upstream, pieces: tuple[str, ...]) -> None:
    answer = shop.stream(shop.published(upstream.expect(pieces=pieces)))

    assert told(answer) == answer.events[-1]["output"] == "".join(pieces)


# 2.3.6: deltas are written in at most 16 KB, wherever the vendor cut; the last event is as long as the answer.
def test_long_pieces_are_cut_into_events(shop: Team, upstream: Upstream) -> None:
    text = "é" * 30_000
    name = shop.published(upstream.expect(pieces=(text,)))

    answer = shop.stream(name)

    *deltas, final = answer.chunks
    assert all(len(chunk) <= 16_384 for chunk in deltas)
    assert told(Answer(200, answer.headers, [*deltas, b'data: {"done": true}\n\n'], clean_end=True)) == text
    assert exact(final.decode("ascii").removeprefix("data: "))["output"] == text


def test_first_delta_comes_while_the_vendor_still_thinks(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=1)
    with posting(Client(shop.gateway, shop.key), path=RUN, promptName=shop.published(prompt), stream=True) as wire:
        read_until(wire, b'"delta":"Il"')
        upstream.release(prompt)

        assert b'"output":"Il' in read_until(wire, b'"done":true')


# X-4, M-3b: what was produced is still owed.
def test_failure_after_the_start_is_the_last_event(shop: Team, upstream: Upstream) -> None:
    name = shop.published(upstream.expect(cut_after=3))

    answer = shop.stream(name)

    assert told(answer) == "".join(STORY[:3])
    final = answer.events[-1]
    assert list(final) == ["success", "error", "promptVersion", "done", "metadata"]
    assert (final["success"], final["promptVersion"]) == (False, 1)
    assert final["error"] == "The run failed: the model's provider broke off before the answer was complete"
    receipt = final["metadata"]
    assert receipt["usage_source"] == "estimated"
    row = shop.booked(receipt["request_id"])
    assert (row["status"], Decimal(row["cost_eur"])) == ("partial", receipt["pricing"]["total_cost"])


def test_refusal_of_a_stream_is_plain_json(shop: Team) -> None:
    response = shop.run("nobody's", stream=True)

    assert failed(response, 404) == "Prompt 'nobody's' not found or has no PRODUCTION version"


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "json"])
def test_client_that_leaves_stops_the_vendor_and_owes_what_came(
    admin: Administrator, upstream: Upstream, *, streamed: bool
) -> None:
    fresh = team(admin)
    prompt = upstream.expect(hold_after=3 if streamed else 0)
    name = fresh.published(prompt)
    with posting(Client(fresh.gateway, fresh.key), path=RUN, promptName=name, stream=streamed) as wire:
        if streamed:
            read_until(wire, STORY[2].encode())
        assert within(5, lambda: bool(upstream.seen(prompt)))
        left = leave(wire)

    (seen,) = upstream.seen(prompt)
    assert seen.dropped.wait(5)
    assert (seen.dropped_at or 0) - left <= LEFT_WITHIN_S
    assert within(SETTLED_WITHIN_S, lambda: len(fresh.rows()) == 1)
    (row,) = fresh.rows()
    assert (row["status"], row["prompt_version"]) == ("client_gone", 1)
    assert row["output_tokens"] >= 1 if streamed else row["output_tokens"] == 0


def test_stream_is_given_again_whole(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect()
    name, header = shop.published(prompt), {"Idempotency-Key": uuid.uuid4().hex}
    asked = {"promptName": name, "stream": True}

    first, second = [shop.post(asked, **header) for _ in range(2)]

    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(upstream.seen(prompt)) == 1


def test_draft_is_streamed_too(shop: Team, upstream: Upstream) -> None:
    name = shop.drafted(upstream.expect())
    path = f"/api/v1/prompts/{name}/versions/1/run"

    with posting(Client(shop.gateway, shop.key), path=path.replace(" ", "%20"), stream=True) as wire:
        answer = read(wire)

    assert told(answer) == "".join(STORY)
    assert list(answer.events[-1]) == FINAL


@pytest.mark.prove
def test_stream_that_takes_longer_than_thirty_seconds_ends_with_that(shop: Team, upstream: Upstream) -> None:
    prompt = upstream.expect(hold_after=2)
    began = time.monotonic()

    answer = shop.stream(shop.published(prompt))

    assert 29 < time.monotonic() - began < 33
    final = answer.events[-1]
    assert (final["success"], final["done"]) == (False, True)
    assert final["error"] == "The model 'gpt-4o' did not answer within 30 seconds"
    assert final["metadata"]["usage_source"] == "estimated"
    assert upstream.seen(prompt)[0].dropped.wait(5)
