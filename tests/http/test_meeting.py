"""`POST /transcription/meeting` with the fake vendor behind the gateway: the answer, its form, its money (2.4.2)."""

import json
from decimal import Decimal

import pytest
import requests

from tests.gateway import Gateway, exact, refused
from tests.http.accounts import Administrator, Caller, within
from tests.http.papers import form
from tests.http.sent import HEAD, files_left, post, send
from tests.http.sitting import NOTES, PATH, SECTIONS, Sitting
from tests.speech import encoded, say, silence
from tests.upstream import Upstream


@pytest.fixture
def caller(boardroom: Gateway) -> Caller:
    return Caller(boardroom, boardroom.token())


def test_answer_is_minutes_with_what_was_said_and_both_models_in_the_receipt(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears)

    response = sitting.attend(caller)

    assert response.status_code == 200, response.text
    answer = response.json()
    assert list(answer) == ["text", "language", "duration", "model", "transcript", "metadata"]
    assert (answer["language"], answer["model"]) == ("fr", "short-ears")
    assert answer["duration"] == pytest.approx(sitting.seconds, abs=0.01)
    assert all(section in answer["text"] for section in SECTIONS)
    assert NOTES["decisions"][0] in answer["text"].split("## Décisions")[1].split("## Actions")[0]
    assert "(responsable : Claire Martin ; échéance : vendredi)" in answer["text"]
    assert set(answer["metadata"]["usage_by_model"]) == {"short-ears", "gpt-4o"}
    heard = [call["model"] for call in answer["metadata"]["calls"]]
    assert heard == ["short-ears"] * len(sitting.parts) + ["gpt-4o", "gpt-4o"]  # of the chat: the notes, the title
    assert len(sitting.parts) > 1


def test_transcript_has_every_sentence_once_in_order_with_times_of_the_whole(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears)

    said = sitting.attend(caller).json()["transcript"]

    assert " ".join(each["text"] for each in said) == sitting.text
    assert all(set(each) == {"start", "end", "text", "language"} for each in said)
    assert {each["language"] for each in said} == {"fr"}
    starts = [each["start"] for each in said]
    assert starts == pytest.approx([start for start, _ in sitting.times], abs=0.01)


def test_receipt_headers_and_ledger_agree(caller: Caller, ears: Upstream) -> None:
    response = Sitting(ears).attend(caller)

    metadata = exact(response.text)["metadata"]
    row = caller.gateway.row(metadata["request_id"])
    assert Decimal(response.headers["X-Cost-EUR"]) == metadata["pricing"]["total_cost"] == row["cost_eur"] > 0
    assert metadata["pricing"]["total_cost"] == sum(call["cost_eur"] for call in metadata["calls"])
    assert (row["status"], row["model"], row["agent"]) == ("ok", "short-ears", "meeting")
    assert row["attempts"] == metadata["attempts"] == len(metadata["calls"])
    assert 'agent="meeting"' in caller.gateway.metrics()


@pytest.mark.parametrize("file_first", [True, False])
def test_fields_come_in_any_order(caller: Caller, ears: Upstream, *, file_first: bool) -> None:
    sitting = Sitting(ears)
    fields = [
        (b'Content-Disposition: form-data; name="%b"' % name, value)
        for name, value in ((b"project_id", b"proj-room"), (b"max_duration_seconds", b" 60 "), (b"language", b"fr"))
    ]
    file = [(HEAD, sitting.file)]

    response = post(caller, form(*file, *fields) if file_first else form(*fields, *file), path=PATH)

    assert response.status_code == 200, response.text
    assert {part.one("language") for part in sitting.parts} == {"fr"}
    usage = caller.call("GET", "/usage", project_id="proj-room")
    assert usage.status_code in {200, 400}
    assert caller.gateway.row(response.headers["X-Request-Id"])["status"] == "ok"


def test_language_of_the_query_is_asked_and_told(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears)

    response = sitting.attend(caller, query={"language": "de"})

    assert response.json()["language"] == "de"
    assert {part.one("language") for part in sitting.parts} == {"de"}


@pytest.mark.parametrize("told", ["", "0", "14401", "3600.0", "une heure", "1e3", "-1", "٣٦٠٠", "9" * 200])
def test_duration_that_is_no_whole_number_in_range_is_refused_by_name(caller: Caller, told: str) -> None:
    response = send(caller, encoded(silence(0.2), "wav"), path=PATH, max_duration_seconds=told)

    assert refused(response, 400, "invalid_request")["param"] == "max_duration_seconds"


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"language": "french"}, "language"), ({"langauge": "fr"}, "langauge"), ({"model": "whisper-1"}, "model")],
)
def test_field_that_is_wrong_or_unknown_is_refused_by_name(caller: Caller, fields: dict[str, str], param: str) -> None:
    response = send(caller, encoded(silence(0.2), "wav"), path=PATH, **fields)

    assert refused(response, 400, "invalid_request")["param"] == param


def test_longer_audio_is_refused_before_anybody_is_asked(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears)

    response = sitting.attend(caller, max_duration_seconds="5")

    assert refused(response, 400, "audio_too_long")["param"] == "file"
    assert not sitting.parts
    assert all(row["request_id"] != response.headers["X-Request-Id"] for row in caller.gateway.books())


@pytest.mark.parametrize("content", [b"", b"not a sound", encoded(silence(3), "mp3")[:40]])
def test_what_is_no_audio_is_refused(caller: Caller, content: bytes) -> None:
    assert refused(send(caller, content, path=PATH), 400, "invalid_request")["param"] == "file"


def test_form_without_file_is_refused(caller: Caller) -> None:
    response = post(caller, form((b'Content-Disposition: form-data; name="project_id"', b"p")), path=PATH)

    assert refused(response, 400, "invalid_request")["param"] == "file"


def test_body_over_200_mb_is_refused_before_it_is_read(caller: Caller) -> None:
    declared = {"Content-Type": "multipart/form-data; boundary=X", "Content-Length": "200200001"}
    asked = requests.Request("POST", caller.gateway.url + PATH, headers=declared).prepare()
    asked.headers["Authorization"] = f"Bearer {caller.credential}"

    response = requests.Session().send(asked, timeout=20)

    refused(response, 413, "body_too_large")


def test_file_over_the_25_mb_of_a_transcription_is_a_meeting_still(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears)
    sitting.pcm += silence(1000)

    response = sitting.attend(caller)

    assert len(sitting.file) > 30_000_000
    assert response.status_code == 200, response.text
    # A long silence is not sent to be heard, nor paid for.
    assert sum(part.seconds for part in sitting.parts) < 60
    assert response.json()["duration"] == pytest.approx(sitting.seconds, abs=0.01)


def test_project_of_nobody_and_of_others_is_not_there(chair: Administrator) -> None:
    key = chair.caller(chair.project())
    other = chair.project()

    for project_id in (other, "no such project", "proj-unknown"):
        response = send(key, encoded(say("Bonjour."), "wav"), path=PATH, project_id=project_id)

        assert refused(response, 404, "not_found")["param"] == "project_id"


def test_key_is_booked_on_its_own_project_without_naming_one(chair: Administrator, ears: Upstream) -> None:
    key = chair.caller(chair.project())

    assert Sitting(ears).attend(key).status_code == 200

    assert key.call("GET", "/usage").json()["requests"] == 1


@pytest.mark.parametrize("scopes", [("model:gpt-4o",), ("model:short-ears",), ("surface:completion",)])
def test_key_must_be_allowed_both_models_and_the_surface(chair: Administrator, scopes: tuple[str, ...]) -> None:
    key = chair.caller(chair.project(), *scopes)

    refused(send(key, encoded(say("Bonjour."), "wav"), path=PATH), 403, "forbidden")


def test_nobody_without_a_credential_and_with_another_method(boardroom: Gateway) -> None:
    for credential in (None, "a.b.c", "sk_" + "x" * 40):
        refused(send(Caller(boardroom, credential), b"x", path=PATH), 401, "unauthorized")
    refused(Caller(boardroom, boardroom.token()).call("GET", PATH), 405, "method_not_allowed")


def test_same_key_again_gives_the_same_answer_and_charges_once(chair: Administrator, ears: Upstream) -> None:
    caller, sitting = chair.caller(chair.project()), Sitting(ears)
    named = {"Idempotency-Key": "a-meeting"}

    first = sitting.attend(caller, headers=named)
    asked = len(sitting.parts)
    again = sitting.attend(caller, headers=named, max_duration_seconds="3600")
    shorter = sitting.attend(caller, headers=named, max_duration_seconds="600")
    as_events = sitting.attend(caller, headers=named | {"Accept": "text/event-stream"})

    assert first.status_code == again.status_code == 200, again.text
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (shorter.status_code, as_events.status_code) == (409, 409)
    assert len(sitting.parts) == asked
    assert caller.call("GET", "/usage").json()["requests"] == 1


def test_nothing_is_left_on_the_disk(caller: Caller, ears: Upstream) -> None:
    assert Sitting(ears).attend(caller).status_code == 200

    assert within(5, lambda: files_left(caller.gateway) == [])


def test_route_is_described(caller: Caller) -> None:
    operation = caller.call("GET", "/openapi.json").json()["paths"][PATH]["post"]

    (described,) = operation["requestBody"]["content"].values()
    assert set(described["schema"]["properties"]) == {"file", "project_id", "max_duration_seconds", "language"}
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert {"400", "401", "404", "413", "415", "429", "502", "503", "504"} <= set(operation["responses"])
    assert "MeetingAnswer" in json.dumps(operation)
