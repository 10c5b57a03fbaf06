"""Meetings in which something fails: nothing paid for is lost, nothing else is charged (2.4.2, 6.6)."""

import json
from decimal import Decimal

import pytest

from tests.gateway import Gateway, exact, refused
from tests.http.accounts import Administrator, Caller, within
from tests.http.sent import files_left
from tests.http.sitting import NOTES, SECTIONS, Sitting, sending
from tests.speech import encoded, silence
from tests.upstream import Upstream
from tests.wire import leave

BAD_ASK = {"status": 400, "body": b'{"error":{"message":"no","type":"invalid_request_error"}}'}
BUSY = {"status": 503, "body": b"{}"}
UNMADE = "Cette section n'a pas pu être rédigée"


@pytest.fixture
def caller(boardroom: Gateway) -> Caller:
    return Caller(boardroom, boardroom.token())


@pytest.mark.parametrize(
    ("minutes", "code"),
    [({"status": 401}, "provider_error"), ({"status": 500}, "provider_error"), ({"cut_after": 1}, "provider_error")],
)
def test_transcript_is_answered_when_the_minutes_fail(
    caller: Caller, ears: Upstream, minutes: dict[str, object], code: str
) -> None:
    sitting = Sitting(ears, minutes=minutes)

    response = sitting.attend(caller)

    assert response.status_code == 200, response.text
    answer = response.json()
    assert [f"minutes-unavailable: {code}"] == [each for each in answer["metadata"]["warnings"] if "minutes" in each]
    assert all(section in answer["text"] for section in SECTIONS)
    assert answer["text"].count(UNMADE) == len(SECTIONS)
    assert " ".join(each["text"] for each in answer["transcript"]) == sitting.text
    row = caller.gateway.row(response.headers["X-Request-Id"])
    assert (row["status"], row["attempts"]) == ("ok", len(answer["metadata"]["calls"]))


def test_minutes_are_in_the_language_of_the_meeting_also_when_there_are_none(caller: Caller, ears: Upstream) -> None:
    answer = Sitting(ears, minutes={"status": 401}).attend(caller, language="en").json()

    assert answer["language"] == "en"
    assert "## Decisions\n\nThis section could not be written" in answer["text"]


def test_minutes_that_no_model_can_read_are_unmade_and_told(caller: Caller, ears: Upstream) -> None:
    response = Sitting(ears, minutes={"shaped": "Je ne sais pas."}).attend(caller)

    assert response.status_code == 200, response.text
    assert "minutes-incomplete: 1" in response.json()["metadata"]["warnings"]
    assert response.json()["text"].count(UNMADE) == len(SECTIONS)


def test_what_was_not_said_is_not_in_the_minutes(caller: Caller, ears: Upstream) -> None:
    invented = NOTES | {"decisions": ["La société achète un château en Espagne."], "participants": ["Napoléon"]}

    text = Sitting(ears, minutes={"shaped": json.dumps(invented)}).attend(caller).json()["text"]

    assert "château" not in text
    assert "Napoléon" not in text


def test_nothing_said_is_empty_minutes_and_no_chat(caller: Caller, ears: Upstream) -> None:
    sitting, asked = Sitting(ears), len(ears.requests)
    sitting.failing = {number: [{"text": "", "segments": []}] for number in range(5)}

    answer = sitting.attend(caller).json()

    assert answer["transcript"] == []
    assert answer["metadata"]["usage_by_model"].keys() == {"short-ears"}
    assert len(ears.requests) == asked
    assert not [each for each in answer["metadata"]["warnings"] if "minutes" in each]


def test_silence_is_answered_without_asking_anybody(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears)
    sitting.pcm = silence(90)

    response = sitting.attend(caller)

    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["transcript"], answer["duration"], answer["metadata"]["calls"]) == ([], 90.0, [])
    assert not sitting.parts
    assert caller.gateway.row(response.headers["X-Request-Id"])["attempts"] == 0


def test_part_that_fails_is_tried_again_alone(caller: Caller, ears: Upstream) -> None:
    sitting = Sitting(ears, failing={1: [BUSY]})

    response = sitting.attend(caller)

    assert response.status_code == 200, response.text
    calls = response.json()["metadata"]["calls"]
    assert " ".join(each["text"] for each in response.json()["transcript"]) == sitting.text
    assert sorted(call["status"] for call in calls).count("error") == 1
    assert len({part.pcm for part in sitting.parts}) == len(sitting.parts) - 1


def test_part_that_fails_for_good_ends_the_meeting_and_the_rest_is_in_the_ledger(
    caller: Caller, ears: Upstream
) -> None:
    sitting = Sitting(ears, failing={2: [BAD_ASK]})

    response = sitting.attend(caller)

    refused(response, 400, "invalid_request")
    row = caller.gateway.row(response.headers["X-Request-Id"])
    assert row["status"] == "error"
    assert row["cost_eur"] == Decimal(response.headers["X-Cost-EUR"]) > 0
    assert row["attempts"] == len(sitting.parts)
    assert within(5, lambda: files_left(caller.gateway) == [])


def test_budget_that_covers_hearing_alone_gives_the_transcript(chair: Administrator, ears: Upstream) -> None:
    project = chair.project()
    caller, sitting = chair.caller(project), Sitting(ears)
    # A minute of these ears is 0.60 EUR, exactly; a call of the chat model may cost a cent or two.
    limit = str(Decimal("0.6") * Decimal(len(sitting.pcm) // 2) / 16_000 / 60 + Decimal("0.0001"))
    budget = {"scope": "project", "scope_id": project, "unit": "EUR", "limit": limit, "window": "day", "kind": "hard"}
    assert chair.call("POST", "/v1/organization/budgets", budget).status_code == 200

    response = sitting.attend(caller)

    assert response.status_code == 200, response.text
    assert "minutes-unavailable: budget_exceeded_eur" in response.json()["metadata"]["warnings"]
    assert " ".join(each["text"] for each in response.json()["transcript"]) == sitting.text
    assert exact(response.text)["metadata"]["pricing"]["total_cost"] <= Decimal(limit)


def test_budget_that_does_not_cover_hearing_refuses_before_anybody_is_asked(
    chair: Administrator, ears: Upstream
) -> None:
    project = chair.project()
    caller, sitting = chair.caller(project), Sitting(ears)
    budget = {"scope": "project", "scope_id": project, "unit": "EUR", "limit": "0.01", "window": "day", "kind": "hard"}
    assert chair.call("POST", "/v1/organization/budgets", budget).status_code == 200

    response = sitting.attend(caller)

    refused(response, 429, "budget_exceeded_eur")
    assert not sitting.parts


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_client_that_leaves_stops_the_vendor_and_owes_what_was_heard(
    caller: Caller, ears: Upstream, accept: str
) -> None:
    sitting = Sitting(ears, failing={4: [{"held": True}]})
    before = {row["request_id"] for row in caller.gateway.books()}

    with sending(caller, sitting.file, f"Accept: {accept}") as wire:
        assert within(15, lambda: any(reply.held for reply in sitting.replies))
        left = leave(wire)

    held = next(part for part, reply in zip(sitting.parts, sitting.replies, strict=True) if reply.held)
    assert held.dropped.wait(5)
    assert (held.dropped_at or 0) - left <= 1.0
    assert within(10, lambda: any(row["request_id"] not in before for row in caller.gateway.books()))
    (row,) = [row for row in caller.gateway.books() if row["request_id"] not in before]
    assert (row["status"], row["attempts"]) == ("client_gone", len(sitting.parts))
    assert row["cost_eur"] > 0
    assert within(5, lambda: files_left(caller.gateway) == [])


def test_upload_that_breaks_off_leaves_nothing_behind(caller: Caller) -> None:
    before = len(caller.gateway.books())

    with sending(caller, encoded(silence(30), "wav"), sent=0.5) as wire:
        assert within(15, lambda: files_left(caller.gateway) != [])
        leave(wire)

    assert within(5, lambda: files_left(caller.gateway) == [])
    assert len(caller.gateway.books()) == before
