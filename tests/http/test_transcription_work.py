"""Hearing as work that costs: parts, budgets, failures of the vendor, clients that leave, and ends of the process."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import requests

from tests.gateway import Gateway, exact, refused, vendors
from tests.http.accounts import Administrator, Caller, admin_key, within
from tests.http.sent import files_left, send
from tests.speech import FRENCH, encoded, say, seconds_of, silence
from tests.upstream import Upstream

ROUTER_TOML = """
[[provider]]
name = "ears"
kind = "openai"
base_url = "{openai}"

[[model]]
name = "short-ears"
kind = "transcription"
provider = "ears"
upstream = "whisper-1"
max_audio_s = 10
carbon = "unknown"
[model.price]
currency = "EUR"
input = 0
output = 0
audio_minute = 0.6
"""
EUR_A_SECOND = Decimal("0.01")
SPEECH = (say(FRENCH) + silence(0.5)) * 4
SECONDS = seconds_of(SPEECH)
WAV = encoded(SPEECH, "wav")
SHORT = encoded(silence(1), "wav")


def settings(upstream: Upstream) -> dict[str, str]:
    return vendors(upstream) | {"ROUTER_TRANSCRIPTION_MODEL": "short-ears"}


def toml(upstream: Upstream) -> dict[str, str]:
    return {"router.toml": ROUTER_TOML.format(openai=upstream.openai_url)}


@pytest.fixture(scope="module")
def ears(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway whose model hears ten seconds in a call, at a cent a second."""
    return gateway_with(toml(upstream), **settings(upstream))


@pytest.fixture(scope="module")
def owner(ears: Gateway) -> Administrator:
    return Administrator(ears, admin_key(ears))


@pytest.fixture
def _all_released(upstream: Upstream) -> Iterator[None]:
    yield
    upstream.audio.hear = None


def with_budget(owner: Administrator, limit: Decimal, unit: str = "EUR") -> Caller:
    """Return a caller whose project has a hard budget."""
    project = owner.project()
    budget = {"scope": "project", "scope_id": project, "unit": unit, "limit": str(limit), "window": "day"}
    made = owner.call("POST", "/v1/organization/budgets", budget | {"kind": "hard"})
    assert made.status_code == 200, made.text
    return owner.caller(project)


def test_long_recording_is_heard_in_parts_and_told_as_one(owner: Administrator, upstream: Upstream) -> None:
    before = len(upstream.audio.heard)

    response = send(owner.caller(owner.project()), WAV)

    assert response.status_code == 200, response.text
    answer = exact(response.text)
    parts = upstream.audio.heard[before:]
    assert len(parts) >= 3
    assert all(part.seconds <= 10 for part in parts)
    assert sum(part.seconds for part in parts) >= SECONDS - 0.1
    assert answer["duration"] == pytest.approx(Decimal(SECONDS), abs=Decimal("0.1"))
    assert answer["metadata"]["attempts"] == len(parts)
    assert len(answer["metadata"]["calls"]) == len(parts)
    assert answer["text"].count("seconds.") == len(parts)
    assert response.headers["X-Cost-EUR"] == str(answer["metadata"]["pricing"]["total_cost"])
    assert answer["metadata"]["pricing"]["total_cost"] >= EUR_A_SECOND * int(SECONDS)


def test_budget_that_covers_all_parts_and_no_more_is_enough(owner: Administrator) -> None:
    # A part is billed by the whole second at most; nothing is reserved twice.
    caller = with_budget(owner, EUR_A_SECOND * (int(SECONDS) + 8))

    response = send(caller, WAV)

    assert response.status_code == 200, response.text
    assert Decimal(response.headers["X-Budget-EUR-Remaining"]) < EUR_A_SECOND * 9


@pytest.mark.parametrize(("limit", "unit"), [(EUR_A_SECOND * (int(SECONDS) - 3), "EUR"), (Decimal(1000), "gCO2e")])
def test_budget_that_cannot_cover_it_refuses_before_anything_is_sent(
    owner: Administrator, upstream: Upstream, limit: Decimal, unit: str
) -> None:
    caller = with_budget(owner, limit, unit)
    before = len(upstream.audio.heard)

    response = send(caller, WAV)

    refused(response, 429, "budget_exceeded_eur" if unit == "EUR" else "budget_exceeded_co2e")
    assert response.headers["X-Should-Retry"] == "false"
    assert len(upstream.audio.heard) == before
    assert caller.call("GET", "/usage").json()["requests"] == 0
    assert within(5, lambda: files_left(owner.gateway) == [])


def test_limit_of_requests_refuses_with_when_to_come_back(owner: Administrator) -> None:
    project = owner.project()
    caller = owner.caller(project)
    owner.call("PUT", f"/v1/organization/limits/project/{project}", {"requests_per_minute": 1})

    answers = [send(caller, SHORT) for _ in range(2)]

    assert answers[0].status_code == 200, answers[0].text
    refused(answers[1], 429, "rate_limited")
    assert int(answers[1].headers["Retry-After"]) > 0
    assert "X-RateLimit-Limit" in answers[0].headers


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        ({"status": 400}, 400, "invalid_request"),
        ({"status": 401}, 502, "provider_error"),
        ({"cut": True}, 502, "provider_error"),
        ({"body": b"no json"}, 502, "provider_error"),
    ],
)
def test_failure_of_the_vendor_is_told_and_booked(
    owner: Administrator, upstream: Upstream, reply: dict[str, object], status: int, code: str
) -> None:
    caller = owner.caller(owner.project())
    for _ in range(4):  # as often as it may be tried again
        upstream.audio.expect(frames=16_000, **reply)
    try:
        response = send(caller, SHORT)
    finally:
        upstream.audio._queue.clear()

    refused(response, status, code)
    row = caller.gateway.row(response.headers["X-Request-Id"])
    assert row["status"] == "error"
    assert row["attempts"] >= 1
    assert Decimal(response.headers["X-Cost-EUR"]) == row["cost_eur"]


def test_error_is_not_kept_and_the_next_try_runs(owner: Administrator, upstream: Upstream) -> None:
    caller, named = owner.caller(owner.project()), {"Idempotency-Key": "again"}
    upstream.audio.expect(frames=16_000, status=400)

    first = send(caller, SHORT, headers=named)
    second = send(caller, SHORT, headers=named)

    assert (first.status_code, second.status_code) == (400, 200)
    refused(send(caller, b"no audio", headers={"Idempotency-Key": "garbage"}), 400, "invalid_request")
    assert send(caller, SHORT, headers={"Idempotency-Key": "garbage"}).status_code == 200


def held(caller: Caller, upstream: Upstream) -> tuple[threading.Thread, list[object], object]:
    """Send a recording whose hearing is held up; return who waits, what it gets, and the request upstream."""
    before = len(upstream.audio.heard)
    got: list[object] = []

    def wait() -> None:
        try:
            got.append(send(caller, SHORT))
        except requests.RequestException as error:
            got.append(error)

    thread = threading.Thread(target=wait)
    upstream.audio.expect(frames=16_000, held=True)
    thread.start()
    assert within(20, lambda: len(upstream.audio.heard) > before)
    return thread, got, upstream.audio.heard[before]


# The second is more than the server takes from a connection at a time.
@pytest.mark.parametrize("seconds", [1, 8])
def test_client_that_leaves_ends_the_work_within_a_second(
    owner: Administrator, upstream: Upstream, seconds: int
) -> None:
    project = owner.project()
    caller = owner.caller(project)
    upstream.audio.expect(frames=16_000 * seconds, held=True)
    before = len(upstream.audio.heard)

    with pytest.raises(requests.Timeout):
        requests.post(
            f"{caller.gateway.url}/transcription",
            files={"file": encoded(silence(seconds), "wav")},
            headers={"x-api-key": caller.credential or ""},
            timeout=3,
        )
    left_at = time.monotonic()

    told = upstream.audio.heard[before]
    assert told.dropped.wait(5)
    assert told.dropped_at is not None
    assert told.dropped_at - left_at < 1
    rows: list[dict[str, object]] = []

    def settled() -> bool:
        told = [row for row in caller.gateway.books() if row["project_id"] == project]
        rows[:] = [row for row in told if row["status"] == "client_gone"]
        return bool(rows)

    assert within(10, settled)
    assert (rows[0]["attempts"], rows[0]["usage_source"]) == (1, "estimated")
    assert rows[0]["cost_eur"] == EUR_A_SECOND * seconds
    assert within(5, lambda: files_left(owner.gateway) == [])


@pytest.mark.prove  # a stop lets what runs go on for 30 s
def test_stop_answers_who_waits_and_books_what_was_heard(
    gateway_with: Callable[..., Gateway], upstream: Upstream
) -> None:
    gateway = gateway_with(toml(upstream), **settings(upstream))
    thread, got, _ = held(Caller(gateway, gateway.token()), upstream)

    assert gateway.process is not None
    gateway.process.terminate()
    thread.join(60)

    assert gateway.process.wait(30) == 0, gateway.log
    refused(got[0], 503, "overloaded")  # type: ignore[arg-type] - what came is an answer
    assert [row["status"] for row in gateway.books()] == ["error"]
    assert files_left(gateway) == []


def test_what_a_killed_process_left_is_gone_at_the_next_start(
    gateway_with: Callable[..., Gateway], upstream: Upstream
) -> None:
    gateway = gateway_with(toml(upstream), **settings(upstream))
    thread, got, _ = held(Caller(gateway, gateway.token()), upstream)
    assert files_left(gateway) != []

    assert gateway.process is not None
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()
    thread.join(10)
    gateway.start()

    assert isinstance(got[0], requests.ConnectionError)
    assert files_left(gateway) == []
    assert [row["status"] for row in gateway.books()] == ["unknown"]
