"""Every way an upstream fails, from outside: what the client gets, what the ledger keeps, what the provider sees."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.promised import ELSEWHERE, PROMISES, Promise
from tests.faults.scenarios import SCENARIOS
from tests.faults.served import HEAVY, every_scenario, figure, visits
from tests.faults.upstream import FaultyUpstream
from tests.faults.wire import ANSWER, SECRET, WORD
from tests.gateway import Client, Gateway, exact, refused
from tests.wire import Answer, posting, read

MOST_CALLS = 3
MOST_MEMORY_MB = 200
BOMBS = 20  # each that stays takes more than a MB
TOLD_WAITS = {"s429_seconds": 1, "s429_long": 120, "s429_year": 3600, "s429_date": 3600}
CASES = pytest.mark.parametrize(
    ("scenario", "stream"), PROMISES, ids=[f"{name}-{'stream' if stream else 'json'}" for name, stream in PROMISES]
)


@dataclass
class Told:
    """One answer, its error and receipt if it has them, its row, and how often the upstream was asked."""

    answer: Answer
    error: dict[str, Any] | None
    receipt: dict[str, Any] | None
    text: str
    row: dict[str, Any]
    calls: int


@pytest.fixture(scope="module")
def gateway(gateway_with: Callable[..., Gateway], faulty: FaultyUpstream) -> Gateway:
    return gateway_with({"router.toml": every_scenario(faulty.base_url)})


@pytest.fixture(scope="module")
def told(gateway: Gateway, faulty: FaultyUpstream) -> dict[tuple[str, bool], Told]:
    """Ask every scenario once, as JSON and as a stream; those that weigh much come one by one."""
    client = Client(gateway, gateway.token())

    def ask(case: tuple[str, bool]) -> Answer:
        scenario, stream = case
        with posting(client, 60, message=f"question {scenario} {stream}", model=scenario, stream=stream) as wire:
            return read(wire)

    light = [case for case in PROMISES if case[0] not in HEAVY]
    with ThreadPoolExecutor(12) as pool:
        answers = dict(zip(light, pool.map(ask, light), strict=True))
    answers |= {case: ask(case) for case in PROMISES if case[0] in HEAVY}
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in gateway.books():
        rows.setdefault(row["request_id"], []).append(row)
    asked = {case: len(visits(faulty, f"question {case[0]} {case[1]}")) for case in PROMISES}
    return {case: weigh(answer, rows, asked[case]) for case, answer in answers.items()}


def weigh(answer: Answer, rows: dict[str, list[dict[str, Any]]], calls: int) -> Told:
    own = rows.get(answer.headers["x-request-id"], [])
    assert len(own) == 1, f"{len(own)} rows"
    if answer.headers["content-type"].startswith("text/event-stream"):
        events = answer.events
        assert answer.clean_end
        assert [event["done"] for event in events] == [False] * (len(events) - 1) + [True]
        text = "".join(event["content"] for event in events)
        return Told(answer, events[-1].get("error"), events[-1]["metadata"], text, own[0], calls)
    body = exact(answer.chunks[0].decode())
    return Told(answer, body.get("error"), body.get("metadata"), body.get("response", ""), own[0], calls)


def test_every_scenario_has_its_promise() -> None:
    promised = {name for name, _ in PROMISES} | ELSEWHERE

    assert promised == SCENARIOS.keys()


@CASES
def test_fault_is_answered_as_promised(told: dict[tuple[str, bool], Told], scenario: str, stream) -> None:
    promise, got = PROMISES[scenario, stream], told[scenario, stream]

    code = None if got.error is None else got.error["code"]
    assert (got.answer.status, code) == (promise.status, promise.code)
    if promise.row == "ok":
        assert got.text == (WORD * 40 if scenario == "paced" else ANSWER)
    elif promise.row == "partial":
        assert got.text
        assert ANSWER.startswith(got.text)
    if promise.status != 200:
        assert got.answer.headers["content-type"].startswith("application/json")


# C-8: one row a request, whatever became of it.
@CASES
def test_fault_leaves_one_row_that_says_what_it_cost(told: dict[tuple[str, bool], Told], scenario: str, stream) -> None:
    promise, got = PROMISES[scenario, stream], told[scenario, stream]

    row = got.row
    assert row["status"] == promise.row
    assert row["attempts"] == got.calls
    assert 1 <= got.calls <= MOST_CALLS
    assert counted(row) == promise.counted
    assert min(row["input_tokens"], row["output_tokens"], row["cost_eur"], row["emissions_kgCO2eq"]) >= 0
    if scenario.startswith("usage_") and promise.counted == "estimated":
        assert 0 < row["output_tokens"] < 20


def counted(row: dict[str, Any]) -> str:
    owed = row["input_tokens"] + row["output_tokens"]
    return row["usage_source"] if owed else "nothing"


# M-3b: the receipt of an answer that broke off tells the same as the row, call by call.
@pytest.mark.parametrize(("scenario", "stream"), [case for case, promise in PROMISES.items() if promise.status == 200])
def test_receipt_is_the_row_and_the_sum_of_its_calls(told: dict[tuple[str, bool], Told], scenario: str, stream) -> None:
    promise, got = PROMISES[scenario, stream], told[scenario, stream]

    receipt, row = got.receipt, got.row
    assert receipt is not None
    assert receipt["request_id"] == row["request_id"]
    assert receipt["usage"]["input_tokens"] == row["input_tokens"]
    assert receipt["usage"]["output_tokens"] == row["output_tokens"]
    assert receipt["pricing"]["total_cost"] == row["cost_eur"]
    assert receipt["emissions_kgCO2eq"] == row["emissions_kgCO2eq"]
    assert (receipt["attempts"], receipt["usage_source"]) == (row["attempts"], row["usage_source"])
    calls = receipt["calls"]
    assert len(calls) == row["attempts"]
    assert sum(call["cost_eur"] for call in calls) == row["cost_eur"]
    assert all(count >= 0 for call in calls for count in call["tokens"].values())
    assert calls[-1]["status"] == outcome(promise)


def outcome(promise: Promise) -> str:
    return {"ok": "ok", "partial": "timeout" if promise.code == "provider_timeout" else "cut"}[promise.row]


# API10: nothing of the provider's text, headers or cookies passes.
@CASES
def test_no_word_header_or_cookie_of_the_provider_passes(
    told: dict[tuple[str, bool], Told], scenario: str, stream
) -> None:
    answer = told[scenario, stream].answer

    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    assert SECRET.encode() not in b"".join(answer.chunks)
    assert SECRET not in headers
    assert not {"set-cookie", "x-secret", "location"} & answer.headers.keys()


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("scenario", "seconds"), TOLD_WAITS.items())
def test_wait_that_a_busy_provider_asks_is_passed_on_capped(
    told: dict[tuple[str, bool], Told], scenario: str, seconds: int, stream
) -> None:
    waited = int(told[scenario, stream].answer.headers["retry-after"])

    assert waited == seconds


def test_redirect_is_not_followed(told: dict[tuple[str, bool], Told], faulty: FaultyUpstream) -> None:
    assert len(told) == len(PROMISES)

    assert {head.split()[1] for head in faulty.headers} == {b"/v1/chat/completions"}


# SPEC C-10, issue part "Limits": keys, prompts and answers are in no log.
def test_log_has_no_trace_of_it(told: dict[tuple[str, bool], Told], gateway: Gateway) -> None:
    assert len(told) == len(PROMISES)

    for word in (SECRET, "Traceback", "question ", "café"):
        assert word not in gateway.log


def test_memory_stays_bounded_under_bombs(told: dict[tuple[str, bool], Told], gateway: Gateway) -> None:
    assert len(told) == len(PROMISES)

    most_mb = memory_mb(gateway, "VmHWM")

    figure(f"most memory of the gateway: {most_mb:.0f} MB after 200 MB bodies, lines and inflated zeros")
    assert most_mb < MOST_MEMORY_MB


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("scenario", sorted(HEAVY))
def test_bomb_that_was_refused_leaves_nothing_in_memory(
    told: dict[tuple[str, bool], Told], gateway: Gateway, scenario: str, stream
) -> None:
    assert len(told) == len(PROMISES)
    client = Client(gateway, gateway.token())
    before_mb = memory_mb(gateway, "VmRSS")

    for _ in range(BOMBS):
        with posting(client, 60, message="again", model=scenario, stream=stream) as wire:
            read(wire)

    grown_mb = memory_mb(gateway, "VmRSS") - before_mb
    figure(f"{BOMBS} times {scenario} again: {grown_mb:.1f} MB more")
    assert grown_mb < BOMBS


def memory_mb(gateway: Gateway, line: str) -> float:
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.findall(rf"{line}:\s+(\d+)", status)[0]) / 1024


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_connection_that_died_while_kept_is_replaced_in_silence(
    gateway: Gateway, faulty: FaultyUpstream, stream
) -> None:
    client = Client(gateway, gateway.token())
    question = f"stale {stream}"
    before = faulty.connections

    for _ in range(3):
        with posting(client, message=question, model="stale_keepalive", stream=stream) as wire:
            assert read(wire).status == 200

    rows = [row for row in gateway.books() if row["model"] == "stale_keepalive"][-3:]
    assert [(row["status"], row["attempts"]) for row in rows] == [("ok", 1)] * 3
    assert faulty.connections - before >= 3


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_answer_that_began_on_a_kept_connection_is_never_asked_twice(
    gateway: Gateway, faulty: FaultyUpstream, stream
) -> None:
    client = Client(gateway, gateway.token())
    question = f"half {stream}"

    statuses = []
    for _ in range(2):
        with posting(client, message=question, model="stale_half", stream=stream) as wire:
            statuses.append(read(wire).status)

    assert statuses == [200, 502]
    assert len(visits(faulty, question)) == 2


# The plan is a whole answer, so a fault meets V1 there.
@pytest.mark.parametrize("scenario", ["s401", "s429_long", "hang", "truncated", "malformed_json", "gzip_lie", "deep"])
def test_orchestrated_pipeline_keeps_these_promises_too(gateway: Gateway, scenario: str) -> None:
    client = Client(gateway, gateway.token())
    promise = PROMISES[scenario, False]

    for stream in (False, True):
        response = client.ask("Bonjour", model=scenario, agent="V1", stream=stream)

        error = refused(response, promise.status, promise.code)
        row = gateway.row(error["request_id"])
        assert (row["status"], row["attempts"], counted(row)) == (promise.row, 1, promise.counted)
