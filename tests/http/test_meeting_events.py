"""How far a meeting is, event by event: whole events, in order, the answer in the last one (2.3.4 to 2.3.8)."""

import json

import pytest

from tests.gateway import Gateway, exact
from tests.http.accounts import Administrator, Caller, within
from tests.http.sent import send
from tests.http.sitting import NOTES, PATH, Sitting, sending
from tests.speech import encoded, silence
from tests.upstream import Upstream
from tests.wire import Answer, read, read_until

ACCEPT = "Accept: text/event-stream"
BAD_ASK = {"status": 400, "body": b'{"error":{"message":"no","type":"invalid_request_error"}}'}


@pytest.fixture
def caller(boardroom: Gateway) -> Caller:
    return Caller(boardroom, boardroom.token())


def streamed(caller: Caller, sitting: Sitting) -> Answer:
    with sending(caller, sitting.file, ACCEPT) as wire:
        return read(wire)


def test_events_tell_the_stages_in_order_and_the_last_one_has_the_answer(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears)

    answer = streamed(caller, sitting)

    assert (answer.status, answer.clean_end) == (200, True)
    *steps, last = answer.events
    assert [list(step) for step in steps] == [["content", "done", "metadata"]] * len(steps)
    assert all(set(step["metadata"]) == {"model", "agent", "stage", "seconds_done", "seconds"} for step in steps)
    stages = [step["metadata"]["stage"] for step in steps]
    assert stages == ["decoded", *["transcribing"] * len(sitting.parts), "minutes"]
    done = [float(step["metadata"]["seconds_done"]) for step in steps]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, pytest.approx(sitting.seconds, abs=0.01))
    assert "".join(step["content"] for step in steps).split() == sitting.text.split()
    assert list(last) == ["content", "done", "text", "language", "duration", "model", "transcript", "metadata"]
    assert (last["content"], last["done"], last["language"]) == ("", True, "fr")
    assert NOTES["decisions"][0] in last["text"]
    assert " ".join(each["text"] for each in last["transcript"]) == sitting.text


def test_receipt_of_the_last_event_is_that_of_the_ledger(caller: Caller, ears: Upstream) -> None:
    answer = streamed(caller, Sitting(ears))

    receipt = answer.events[-1]["metadata"]
    assert (receipt["model"], receipt["agent"]) == ("short-ears", "meeting")
    assert receipt["request_id"] == answer.headers["x-request-id"]
    row = caller.gateway.row(receipt["request_id"])
    assert (row["status"], row["cost_eur"]) == ("ok", receipt["pricing"]["total_cost"])
    assert receipt["ttft_s"] is not None


def test_headers_keep_proxies_from_holding_it_back(caller: Caller, ears: Upstream) -> None:
    headers = streamed(caller, Sitting(ears)).headers

    assert headers["content-type"].split(";")[0] == "text/event-stream"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache", "no")


def test_part_is_told_while_the_next_is_still_heard(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears, failing={4: [{"held": True, "text": "Voilà."}]})

    with sending(caller, sitting.file, ACCEPT) as wire:
        got = read_until(wire, b'"transcribing"')
        assert within(15, lambda: any(reply.held for reply in sitting.replies))
        assert b'"minutes"' not in got
        ears.audio.release(next(reply for reply in sitting.replies if reply.held))
        got += read_until(wire, b"0\r\n\r\n")

    assert got.index(b'"decoded"') < got.index(b'"transcribing"') < got.index(b'"minutes"') < got.index(b'"done": true')


def test_error_after_the_start_is_the_last_event(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears, failing={2: [BAD_ASK]})

    answer = streamed(caller, sitting)

    assert (answer.status, answer.clean_end) == (200, True)
    last = answer.events[-1]
    assert list(last) == ["content", "done", "metadata", "error"]
    assert (last["done"], last["error"]["code"]) == (True, "invalid_request")
    row = caller.gateway.row(answer.headers["x-request-id"])
    assert row["status"] in {"partial", "error"}
    assert row["cost_eur"] == last["metadata"]["pricing"]["total_cost"] > 0


def test_what_is_wrong_before_the_start_is_an_answer_of_its_own(caller: Caller) -> None:
    response = send(caller, b"no sound", path=PATH, headers={"Accept": "text/event-stream"})

    assert response.status_code == 400
    assert response.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    ("accept", "events"),
    [
        ("*/*", False),
        ("application/json, text/event-stream", False),
        ("text/event-stream;q=0", False),
        ("application/json;q=0.5, Text/Event-Stream", True),
    ],
)
def test_events_come_to_those_who_would_rather_have_them(
    caller: Caller, ears: Upstream, accept: str, *, events: bool
) -> None:
    del ears

    response = send(caller, encoded(silence(40), "wav"), path=PATH, headers={"Accept": accept})

    assert response.headers["Content-Type"].startswith("text/event-stream") is events


def test_same_key_again_gives_every_event_again_and_charges_once(chair: Administrator, ears: Upstream) -> None:
    caller, sitting = chair.caller(chair.project()), Sitting(ears)
    named = {"Idempotency-Key": "events-of-a-meeting", "Accept": "text/event-stream"}

    first = sitting.attend(caller, headers=named)
    again = sitting.attend(caller, headers=named)

    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert json.loads(again.content.split(b"data: ")[-1])["done"] is True
    assert exact(caller.call("GET", "/usage").text)["requests"] == 1
