"""The answer of a meeting over the wire: whole events of ASCII JSON, the answer in the last one (2.3.4 to 2.3.7)."""

import json
from typing import cast

import pytest
from msgspec import Struct

from agents.meeting import Progress
from agents.messages import Segment, Transcript
from metering.receipt import Receipt
from router.families import Fault
from router.framing import MOST_BYTES
from router.minuted import MeetingFraming, body_of, minuted

HOSTILE = 'été 😀 "\\\r\n\r\ndata: [DONE]\u2028 漢'


class Paid(Struct):
    """What is written as a receipt."""

    request_id: str


RECEIPT = cast("Receipt", Paid("req_1"))
TRANSCRIPT = Transcript(HOSTILE, "fr", (Segment(HOSTILE, 0.5, 2.25), Segment("Hello.", 3.0, 4.0, language="en")))


def read(event: bytes) -> dict[str, object]:
    assert event.isascii()
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2
    return json.loads(event[6:])


@pytest.mark.parametrize("text", ["", HOSTILE, "é😀" * 20_000, "x" * 100_000])
def test_progress_is_whole_events_of_bounded_length(text: str) -> None:
    framing = MeetingFraming("gpt-4o-transcribe", "meeting", 60.5)

    events = framing.events(Progress("transcribing", 30.25, text))

    assert all(len(event) <= MOST_BYTES for event in events)
    told = [read(event) for event in events]
    assert "".join(str(each["content"]) for each in told) == (f"{text}\n" if text else "")
    metadata = {"model": "gpt-4o-transcribe", "agent": "meeting", "stage": "transcribing"}
    assert all(
        each
        == {"content": each["content"], "done": False, "metadata": metadata | {"seconds_done": 30.25, "seconds": 60.5}}
        for each in told
    )


def test_last_event_has_the_answer_of_the_body() -> None:
    framing = MeetingFraming("gpt-4o-transcribe", "meeting", 60.5)
    framing.answer = minuted(f"# {HOSTILE}", TRANSCRIPT, 60.5, "gpt-4o-transcribe")

    event, body = read(framing.last(0, RECEIPT, None)), json.loads(body_of(framing.answer, RECEIPT))

    assert list(body) == ["text", "language", "duration", "model", "transcript", "metadata"]
    assert body["transcript"][0] == {"start": 0.5, "end": 2.25, "text": HOSTILE, "language": "fr"}
    assert body["transcript"][1]["language"] == "en"
    names = {"model": "gpt-4o-transcribe", "agent": "meeting"}
    assert event == {"content": "", "done": True} | body | {"metadata": names | body["metadata"]}


def test_last_event_of_a_failure_has_the_error_and_what_was_paid() -> None:
    framing = MeetingFraming("m", "meeting", 1.0)

    event = read(framing.last(0, RECEIPT, Fault("Le fournisseur a échoué", "api_error", None, "provider_error", "r")))

    assert list(event) == ["content", "done", "metadata", "error"]
    assert event["error"] == {"message": "Le fournisseur a échoué", "type": "api_error", "code": "provider_error"}
    assert event["metadata"] == {"model": "m", "agent": "meeting", "request_id": "req_1"}
