"""`POST /transcription` and the formats it takes, with the fake vendor behind the gateway (2.4)."""

from decimal import Decimal

import pytest
import requests

from tests.gateway import Gateway, exact
from tests.http.accounts import Administrator, Caller, within
from tests.http.papers import form
from tests.http.sent import files_left, post, send
from tests.speech import CONTAINERS, encoded, silence
from tests.upstream import Upstream

TWO_SECONDS = silence(2)
WAV = encoded(TWO_SECONDS, "wav")


@pytest.fixture
def caller(house: Gateway) -> Caller:
    return Caller(house, house.token())


def test_answer_has_the_literal_fields_first_and_the_receipt(caller: Caller, upstream: Upstream) -> None:
    upstream.audio.expect(text="Bonjour à tous.", language="fr")

    response = send(caller, WAV)

    assert response.status_code == 200, response.text
    answer = response.json()
    assert list(answer) == ["text", "language", "duration", "model", "metadata"]
    assert (answer["text"], answer["language"], answer["model"]) == ("Bonjour à tous.", "fr", "whisper-1")
    assert answer["duration"] == 2.0
    assert answer["metadata"]["resolved_model"] == "whisper-1"
    assert answer["metadata"]["attempts"] == 1


def test_receipt_headers_and_ledger_agree(caller: Caller) -> None:
    response = send(caller, WAV)

    metadata = exact(response.text)["metadata"]
    row = caller.gateway.row(response.headers["X-Request-Id"])
    assert response.headers["X-Request-Id"] == metadata["request_id"]
    assert Decimal(response.headers["X-Cost-EUR"]) == metadata["pricing"]["total_cost"] == row["cost_eur"] > 0
    assert "X-Latency-S" in response.headers
    assert (row["status"], row["model"], row["agent"]) == ("ok", "whisper-1", "transcription")
    # Nobody knows what it emits (M-8): that is no zero.
    assert metadata["emissions_kgCO2eq"] is None
    assert metadata["warnings"]
    assert "X-Emissions-gCO2eq" not in response.headers


@pytest.mark.parametrize("extension", CONTAINERS)
def test_every_format_is_taken_under_any_name_and_type(caller: Caller, upstream: Upstream, extension: str) -> None:
    for name, kind in ((f"audio.{extension}", None), ("audio.wav", "image/png"), ("../../etc/passwd", "text/plain")):
        response = send(caller, encoded(TWO_SECONDS, extension), name=name, kind=kind)

        assert response.status_code == 200, response.text
        assert response.json()["duration"] == pytest.approx(2, abs=0.1)
        told = upstream.audio.heard[-1]
        assert told.pcm
        assert "passwd" not in str(told.file)


@pytest.mark.parametrize("where", ["query", "form", "both"])
def test_language_that_is_given_is_asked_of_the_model_and_told(caller: Caller, upstream: Upstream, where: str) -> None:
    query = {} if where == "form" else {"language": "EN"}
    fields = {} if where == "query" else {"language": "en"}

    response = send(caller, WAV, query=query, **fields)

    assert response.status_code == 200, response.text
    assert response.json()["language"] == "en"
    assert upstream.audio.heard[-1].one("language") == "en"


def test_file_may_come_before_the_fields_without_name_and_in_single_bytes(caller: Caller) -> None:
    language = (b'Content-Disposition: form-data; name="language"', b"de")
    body = form((b"content-disposition: form-data; name=file", encoded(silence(0.2), "flac")), language)

    response = post(caller, (body[at : at + 1] for at in range(len(body))))

    assert response.status_code == 200, response.text
    assert response.json()["language"] == "de"
    assert response.json()["duration"] == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
def test_key_in_either_header_is_booked_on_its_project(admin: Administrator, house: Gateway, header: str) -> None:
    project = admin.project()
    key = admin.key(project, ("surface:transcription", "model:whisper-1"))["value"]
    shown = {header: f"Bearer {key}" if header == "Authorization" else key}

    response = requests.post(f"{house.url}/transcription", files={"file": WAV}, headers=shown, timeout=30)

    assert response.status_code == 200, response.text
    usage = Caller(house, key).call("GET", "/usage").json()
    assert usage["requests"] == 1
    assert usage["cost_eur"] > 0


def test_same_key_again_gives_the_same_answer_and_charges_once(admin: Administrator, upstream: Upstream) -> None:
    caller = admin.caller(admin.project())
    named = {"Idempotency-Key": "a-recording"}

    first = send(caller, WAV, headers=named)
    asked = len(upstream.audio.heard)
    again = send(caller, WAV, name="other.name", headers=named)
    with_language = send(caller, WAV, headers=named, language="fr")
    other = send(caller, encoded(silence(1), "wav"), headers=named)

    assert first.status_code == again.status_code == 200, again.text
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["X-Cost-EUR"] == first.headers["X-Cost-EUR"]
    assert (with_language.status_code, other.status_code) == (409, 409)
    assert len(upstream.audio.heard) == asked
    assert caller.call("GET", "/usage").json()["requests"] == 1


def test_limits_and_budgets_are_told_in_headers(admin: Administrator) -> None:
    project = admin.project()
    caller = admin.caller(project)
    admin.call("PUT", f"/v1/organization/limits/project/{project}", {"requests_per_minute": 5})
    budget = {"scope": "project", "scope_id": project, "unit": "EUR", "limit": "1", "window": "day", "kind": "hard"}
    assert admin.call("POST", "/v1/organization/budgets", budget).status_code == 200

    response = send(caller, WAV)

    assert response.status_code == 200, response.text
    assert (response.headers["X-RateLimit-Limit"], response.headers["X-RateLimit-Remaining"]) == ("5", "4")
    assert Decimal(response.headers["X-Budget-EUR-Remaining"]) == 1 - Decimal(response.headers["X-Cost-EUR"])


def test_nothing_is_left_on_the_disk(caller: Caller) -> None:
    assert send(caller, WAV).status_code == 200

    assert within(5, lambda: files_left(caller.gateway) == [])


def test_formats_are_listed_as_the_core_document_shows_them(caller: Caller) -> None:
    response = caller.call("GET", "/transcription/supported-formats")

    assert response.json() == {
        "supported_formats": ["mp3", "mp4", "mpeg", "mpga", "m4a", "wav", "webm"],
        "max_file_size_mb": 25,
        "model": "whisper-1",
        "languages": "Auto-detection or specify ISO-639-1 code",
    }
    assert response.status_code == 200


def test_route_is_described(caller: Caller) -> None:
    paths = caller.call("GET", "/openapi.json").json()["paths"]

    operation = paths["/transcription"]["post"]
    assert set(operation["requestBody"]["content"]) == {"multipart/form-data"}
    assert {"200", "400", "401", "413", "415", "429", "502", "503", "504"} <= set(operation["responses"])
    assert [parameter["name"] for parameter in operation["parameters"]] == ["language"]
    assert "/transcription/supported-formats" in paths
