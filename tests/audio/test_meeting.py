"""A spoken meeting in two languages, heard and minuted by the embedded models (2.4.2; the long one in `make prove`)."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.audio.meeting import Meeting, meeting
from tests.audio.score import decisions_named, doubled_or_missing, error_rate, sections
from tests.audio.scribe import minutes_by
from tests.audio.watch import Watch
from tests.gateway import MODELS_DIR, Gateway
from tests.speech import encoded

MOST_ERRORS = 0.10
MOST_BLOCKED_S = 0.05
MOST_GROWN_MB = 30
LARGER = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SMALLER_NAME = "qwen2.5-coder-0.5b-instruct"
SMALLER = f"{SMALLER_NAME}-q4_k_m.gguf"
PART_S = 120


def attend(gateway: Gateway, file: bytes, seconds: float) -> tuple[dict[str, Any], list[float]]:
    """Have a meeting minuted; return its last event, and where it was cut, in seconds."""
    headers = {"Authorization": f"Bearer {gateway.token()}", "Accept": "text/event-stream"}
    response = requests.post(
        f"{gateway.url}/transcription/meeting", files={"file": file}, headers=headers, timeout=seconds, stream=True
    )
    assert response.status_code == 200, response.text
    events = [json.loads(line.removeprefix(b"data: ")) for line in response.iter_lines() if line.startswith(b"data: ")]
    *steps, last = events
    assert "error" not in last, last["error"]
    done = [step["metadata"]["seconds_done"] for step in steps if step["metadata"]["stage"] == "transcribing"]
    return last, sorted(set(done))[:-1]


def check_transcript(said: Meeting, answer: dict[str, Any], cuts: list[float]) -> float:
    """Check what was heard and what it cost; return the word error rate."""
    rate = error_rate(said, answer["transcript"])
    assert rate <= MOST_ERRORS
    assert len(cuts) >= int(said.seconds // PART_S)
    assert doubled_or_missing(said, answer["transcript"], cuts) == []
    assert {each["language"] for each in answer["transcript"]} == {"fr", "en"}
    starts = [each["start"] for each in answer["transcript"]]
    assert starts == sorted(starts)
    assert answer["duration"] == pytest.approx(said.seconds, abs=0.2)
    return rate


def check_metering(gateway: Gateway, answer: dict[str, Any], parts: int) -> None:
    """Check that every call is in the receipt once, and the receipt in the ledger."""
    receipt = answer["metadata"]
    assert [call["model"] for call in receipt["calls"]].count("whisper-base") == parts
    assert {call["status"] for call in receipt["calls"]} == {"ok"}
    row = gateway.row(receipt["request_id"])
    assert (row["status"], row["agent"], row["attempts"]) == ("ok", "meeting", len(receipt["calls"]))
    assert row["input_tokens"] == receipt["usage"]["input_tokens"] > 0


def test_three_minutes_in_two_languages_are_heard_and_minuted(embedded: Gateway) -> None:
    said = meeting(3)

    answer, cuts = attend(embedded, encoded(said.pcm, "mp3"), 110)

    rate = check_transcript(said, answer, cuts)
    check_metering(embedded, answer, len(cuts) + 1)
    found = sections(answer["text"], answer["language"])
    assert all(found.values()), answer["text"]
    named = decisions_named(said, found["Decisions"])
    sys.stdout.write(f"\nword error rate {rate:.1%}, decisions {len(named)} of {len(said.subjects_decided)}\n")
    assert named


@pytest.mark.prove
def test_half_an_hour_in_two_languages_is_heard_and_minuted(gateway_with: Callable[..., Gateway]) -> None:
    weights = MODELS_DIR / LARGER
    if not weights.exists():
        pytest.skip(f"{LARGER} is not installed: make models MODEL=1.5b")
    said = meeting(30)
    gateway = gateway_with(ROUTER_LOCAL="on", ROUTER_LOCAL_GGUF=str(weights))

    file = encoded(said.pcm, "mp3")
    began = time.monotonic()

    with Watch(gateway) as watch:
        answer, cuts = attend(gateway, file, 3600)

    took = time.monotonic() - began
    rate = check_transcript(said, answer, cuts)
    check_metering(gateway, answer, len(cuts) + 1)
    found = sections(answer["text"], answer["language"])
    assert all(found.values()), answer["text"]
    named = decisions_named(said, found["Decisions"])
    warm = max(watch.resident_mb[: len(watch.resident_mb) // 5])  # every library is in by then
    grown = max(watch.resident_mb) - warm
    asked = len(said.subjects_decided)
    sys.stdout.write(
        f"\n{said.seconds / 60:.1f} minutes in {took:.0f} s, {len(cuts)} cuts; word error rate {rate:.1%}\n"
        f"loop blocked {max(watch.blocked_s) * 1000:.0f} ms at most of {len(watch.blocked_s)} looks;"
        f" with waits for a processor {max(watch.waits_s) * 1000:.0f} ms\n"
        f"memory {watch.resident_mb[0]:.0f} MB at first, {warm:.0f} MB when warm, {grown:.0f} MB more at most\n"
        f"decisions named: {len(named)} of {asked}"
    )
    small = sections(minutes_by(MODELS_DIR / SMALLER, SMALLER_NAME, answer), answer["language"])
    sys.stdout.write(f"; by the small model: {len(decisions_named(said, small['Decisions']))}\n")
    assert set(named) == set(said.subjects_decided)
    assert max(watch.blocked_s) <= MOST_BLOCKED_S
    assert grown <= MOST_GROWN_MB
