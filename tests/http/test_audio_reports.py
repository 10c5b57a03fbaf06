"""What was heard is in the books: receipt, ledger, usage, costs and metrics agree to the digit (C-8, 6.2)."""

import csv
import math
import struct
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import openai
import pytest
import requests
from requests import Response

from agents.audio.clip import RATE, wav_header
from tests.admin import ADMIN_KEY, read
from tests.gateway import SECRET, Gateway, vendors
from tests.upstream import Upstream

TRANSCRIPTIONS = "/v1/organization/usage/audio_transcriptions"
SPEECHES = "/v1/organization/usage/audio_speeches"
COMPLETIONS = "/v1/organization/usage/completions"
COSTS = "/v1/organization/costs"
DAY = 86_400
SECONDS = ("2", "3.5")


@pytest.fixture(scope="module")
def kept(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway that heard two recordings."""
    gateway = gateway_with(**vendors(upstream), ROUTER_JWT_SECRET=SECRET, ROUTER_ADMIN_KEY=ADMIN_KEY)
    for seconds in SECONDS:
        assert transcribed(gateway, seconds).status_code == 200
    return gateway


def transcribed(gateway: Gateway, seconds: str) -> Response:
    return requests.post(
        f"{gateway.url}/transcription",
        files={"file": ("a.wav", tone(int(Decimal(seconds) * RATE)))},
        headers={"Authorization": f"Bearer {gateway.token()}"},
        timeout=60,
    )


def tone(frames: int) -> bytes:
    samples = (int(9000 * math.sin(n / 9)) for n in range(frames))
    return wav_header(frames) + struct.pack(f"<{frames}h", *samples)


def results(gateway: Gateway, path: str, query: str = "") -> list[dict[str, Any]]:
    start = int(time.time()) // DAY * DAY
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    page = read(requests.get(f"{gateway.url}{path}?start_time={start}{query}", headers=headers, timeout=20))
    return [row for bucket in page["data"] for row in bucket["results"]]


def test_a_receipt_tells_the_seconds_that_its_price_rests_on(kept: Gateway) -> None:
    told = read(transcribed(kept, "0.4"))["metadata"]

    (call,) = told["calls"]
    assert (call["model"], call["audio_s"], call["characters"]) == ("whisper-1", Decimal("0.4"), None)
    # 0.006 dollars a minute.
    assert abs(told["pricing"]["total_cost"] - Decimal("0.00004") / told["exchange"]["USD"]["rate"]) < Decimal("1e-17")
    assert kept.row(told["request_id"])["cost_eur"] == told["pricing"]["total_cost"]
    assert (told["emissions_kgCO2eq"], told["usage_source"]) == (None, "provider")
    assert "model-not-registered" in told["warnings"]


def test_the_report_of_transcriptions_has_the_seconds_and_the_calls(kept: Gateway) -> None:
    rows = results(kept, TRANSCRIPTIONS, "&group_by=model")

    (row,) = rows
    assert (row["object"], row["model"]) == ("organization.usage.audio_transcriptions.result", "whisper-1")
    assert row["seconds_exact"] >= sum(map(Decimal, SECONDS))
    assert row["seconds"] == math.ceil(row["seconds_exact"])
    assert row["num_model_requests"] >= len(SECONDS)
    assert results(kept, TRANSCRIPTIONS, "&models=gpt-4o") == []


def test_nothing_was_spoken_and_no_language_model_was_used(kept: Gateway) -> None:
    assert results(kept, SPEECHES) == []
    assert results(kept, COMPLETIONS) == []


def test_costs_have_what_was_heard(kept: Gateway) -> None:
    spent = {row["line_item"]: row["amount"]["value"] for row in results(kept, COSTS, "&group_by=line_item")}

    booked = [line["cost_eur"] for line in kept.books() if line["agent"] == "transcription"]
    (heard,) = results(kept, TRANSCRIPTIONS)
    assert spent == {"whisper-1, input": sum(booked), "whisper-1, output": 0}
    assert heard["num_model_requests"] == len(booked)


def test_the_exported_file_has_the_exact_seconds(kept: Gateway) -> None:
    start = int(time.time()) // DAY * DAY
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    address = f"{kept.url}/v1/organization/usage/export?start_time={start}"

    (row,) = csv.DictReader(requests.get(address, headers=headers, timeout=20).text.splitlines())

    (heard,) = results(kept, TRANSCRIPTIONS)
    assert (Decimal(row["audio_seconds"]), row["characters"]) == (heard["seconds_exact"], "")


def test_the_vendor_s_own_client_reads_the_report(kept: Gateway) -> None:
    sdk = openai.OpenAI(api_key="none", admin_api_key=ADMIN_KEY, base_url=f"{kept.url}/v1", max_retries=0)

    page = sdk.admin.organization.usage.audio_transcriptions(start_time=int(time.time()) // DAY * DAY)

    (result,) = page.data[0].results
    assert result.object == "organization.usage.audio_transcriptions.result"
    assert result.seconds >= 5


def test_metrics_count_what_it_cost(kept: Gateway) -> None:
    (line,) = [
        line for line in kept.metrics().splitlines() if line.startswith('router_cost_eur_total{model="whisper-1"}')
    ]
    assert float(line.split()[-1]) > 0
