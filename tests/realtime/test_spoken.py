"""Spoken turns over binary frames: heard, answered and spoken on one receipt (2.6.4)."""

from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.admin import Admin
from tests.gateway import Gateway, exact
from tests.speech import RATE, say, silence
from tests.talk import Talk, talking
from tests.upstream import Upstream
from tests.upstream_audio_rules import Reply

FRAME_BYTES = 3_200  # a tenth of a second
QUESTION = say("Quelle est la capitale de l'Italie ?")
TINY = "0.000000000000000001"


def speak(talk: Talk, pcm: bytes = QUESTION, **fields: object) -> None:
    """Say something, at once, and let the gateway know that it was all."""
    talk.send("audio.start", **({"format": "pcm16", "rate": RATE} | fields))
    for at in range(0, len(pcm), FRAME_BYTES):
        talk.wire.send(pcm[at : at + FRAME_BYTES])
    talk.send("audio.end")


def listen(talk: Talk) -> tuple[bytes, list[tuple[str, dict[str, Any]]]]:
    """Return the sound of an answer, and the events up to its end."""
    pcm, events = b"", []
    while not {"response.done", "audio.end"} <= {kind for kind, _ in events}:
        said = talk.wire.recv(timeout=20)
        if isinstance(said, bytes):
            pcm += said
            continue
        event = exact(said)
        events.append((event["type"], event["payload"]))
        assert event["type"] != "error", event
    return pcm, events


def test_what_is_said_is_answered_aloud_and_is_one_row(open_house: Gateway, upstream: Upstream) -> None:
    prompt = upstream.expect(pieces=("Rome est ", "la capitale. ", "C'est une belle ville."))
    upstream.audio.expect(text=prompt)

    with talking(open_house) as talk:
        assert talk.until("connected")
        speak(talk)
        pcm, events = listen(talk)

    told = dict(events)
    assert told["transcript"]["text"] == prompt
    assert "".join(payload["content"] for kind, payload in events if kind == "response.delta").startswith("Rome est")
    assert (told["audio.start"]["format"], told["audio.end"]["interrupted"]) == ("pcm16", False)
    assert len(pcm) > RATE
    assert {payload["agent_type"] for _, payload in events} == {"V2"}
    receipt = told["response.done"]["metadata"]
    row = open_house.row(receipt["request_id"])
    models = [call["model"] for call in receipt["calls"]]
    assert sorted(set(models)) == ["gpt-4o", "gpt-4o-mini-tts", "whisper-1"]
    assert receipt["resolved_model"] == "gpt-4o"
    assert (row["status"], row["attempts"]) == ("ok", len(models))
    assert row["cost_eur"] == receipt["pricing"]["total_cost"] == sum(call["cost_eur"] for call in receipt["calls"])


def test_a_spent_budget_refuses_what_is_said_before_anybody_hears_it(open_house: Gateway, upstream: Upstream) -> None:
    project, heard = "proj-spent-voice", len(upstream.audio.heard)
    with talking(open_house) as talk:
        talk.ask(upstream.expect(), project_id=project)
        Admin(open_house).made(scope="project", scope_id=project, limit=TINY)
        speak(talk, project_id=project)
        refusal = talk.until("error")

    assert refusal["code"] == "budget_exceeded_eur"
    assert len(upstream.audio.heard) == heard


@pytest.mark.parametrize("reply", [{"status": 500}, {"body": b"<html>"}, {"cut": True}], ids=str)
def test_a_vendor_that_cannot_hear_is_told_and_the_session_goes_on(
    open_house: Gateway, upstream: Upstream, reply: dict[str, Any]
) -> None:
    upstream.audio.hear = lambda _: Reply(**reply)
    prompt = upstream.expect()

    with talking(open_house) as talk:
        speak(talk)
        refusal = talk.until("error")
        text, _ = talk.ask(prompt)

    upstream.audio.hear = None
    assert refusal["code"] == "provider_error"
    assert text


def test_sound_much_faster_than_it_is_spoken_is_a_flood(open_house: Gateway) -> None:
    with talking(open_house) as talk:
        talk.send("audio.start", rate=RATE)
        with pytest.raises(ConnectionClosed) as closed:
            flood(talk, silence(31))

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4429


def flood(talk: Talk, pcm: bytes) -> None:
    for _ in range(50):
        talk.wire.send(pcm[:990_000])
    talk.closed()
    raise AssertionError


def test_hostile_sound_is_told_or_heard_as_noise(open_house: Gateway, upstream: Upstream) -> None:
    with talking(open_house) as talk:
        for form, sound in (("pcm16", b"\0"), ("pcm16", b""), ("opus", b"\xff" * 2_000), ("opus", b"")):
            talk.send("audio.start", format=form, rate=RATE)
            talk.wire.send(sound)
        talk.send("audio.end")
        talk.send("ping")
        talk.until("pong")
        text, _ = talk.ask(upstream.expect())

    assert text
    assert all(payload["code"] == "invalid_request" for kind, payload in talk.told if kind == "error")
    assert "Traceback" not in Path(open_house.folder / "gateway.log").read_text()
