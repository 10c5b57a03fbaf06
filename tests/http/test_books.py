"""The books: ledger, /usage, Prometheus and the receipts say the same, to the digit (C-8)."""

import os
import signal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway import SECRET, Client, Gateway, exact, refused, run, vendors
from tests.upstream import STORY, USAGE, Upstream
from tests.wire import posting, read_until, stream

ROW_KEYS = {
    *("request_id", "status", "model", "agent", "input_tokens", "output_tokens", "cost_eur", "emissions_kgCO2eq"),
    *("usage_source", "attempts"),
}
USAGE_KEYS = {"requests", "input_tokens", "output_tokens", "cost_eur", "emissions_kgCO2eq"}
MODELS = ["gpt-4o", "gpt-3.5-turbo", "mistral-large-latest"]
# A counter is a float that many requests were added to.
CLOSE = 1e-9


def summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    known = {key: [row[key] for row in rows if row[key] is not None] for key in USAGE_KEYS - {"requests"}}
    return {"requests": len(rows)} | {key: sum(map(Decimal, values)) for key, values in known.items()}


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("agent", ["V1", "V2"])
@pytest.mark.parametrize("model", MODELS)
def test_row_repeats_the_receipt(
    client: Client, gateway: Gateway, upstream: Upstream, model: str, agent: str, *, streamed: bool
) -> None:
    prompt = upstream.expect(usage={"prompt_tokens": 77, "completion_tokens": 13, "total_tokens": 90})

    if streamed:
        receipt = stream(client, prompt, model=model, agent=agent).events[-1]["metadata"]
    else:
        receipt = exact(client.ask(prompt, model=model, agent=agent).text)["metadata"]

    row = gateway.row(receipt["request_id"])
    assert set(row) >= ROW_KEYS
    assert (row["status"], row["model"], row["agent"]) == ("ok", model, agent)
    assert (row["usage_source"], row["attempts"]) == (receipt["usage_source"], receipt["attempts"])
    assert row["input_tokens"] == receipt["usage"]["input_tokens"]
    assert row["output_tokens"] == receipt["usage"]["output_tokens"]
    assert row["cost_eur"] == receipt["pricing"]["total_cost"] == sum(call["cost_eur"] for call in receipt["calls"])
    assert row["emissions_kgCO2eq"] == receipt["emissions_kgCO2eq"]


# What /usage says is the sum of the ledger of its own project; others have theirs in the same book.
@pytest.mark.parametrize("model", [None, *MODELS])
def test_usage_is_the_sum_of_the_ledger(
    client: Client, gateway: Gateway, upstream: Upstream, model: str | None
) -> None:
    client.ask(upstream.expect(), **({} if model is None else {"model": model}))

    told = exact(client.get("/usage", **({} if model is None else {"model": model})).text)

    mine = [row for row in gateway.books() if row["project_id"] == "proj-default"]
    rows = [row for row in mine if model in {None, row["model"]}]
    assert {key: told[key] for key in USAGE_KEYS} == summed(rows)


@pytest.mark.parametrize("window", [{"from": "2999-01-01T00:00:00Z"}, {"to": "2000-01-01T00:00:00Z"}], ids=str)
def test_usage_of_an_empty_window_is_nothing(client: Client, window: dict[str, str]) -> None:
    told = client.get("/usage", **window).json()

    assert (told["requests"], told["input_tokens"], told["output_tokens"], told["cost_eur"]) == (0, 0, 0, 0)


def test_usage_of_today_is_all_there_is(client: Client) -> None:
    window = {"from": "2026-01-01T00:00:00Z", "to": "2999-01-01T00:00:00Z"}

    assert exact(client.get("/usage", **window).text) == exact(client.get("/usage").text)


@pytest.mark.parametrize("name", ["from", "to"])
def test_usage_refuses_a_moment_that_is_none(client: Client, name: str) -> None:
    refused(client.get("/usage", **{name: "yesterday"}), 400, "invalid_request")


def test_ledger_since_leaves_older_rows_out(gateway: Gateway) -> None:
    printed = run(gateway.folder, "ledger", "--json", "--since", "2999-01-01", env=gateway.env)

    assert (printed.returncode, printed.stdout.strip()) == (0, "")


def test_counters_equal_the_sums_of_the_ledger(client: Client, gateway: Gateway, upstream: Upstream) -> None:
    client.ask(upstream.expect())

    totals = counters(gateway.metrics())

    everything = summed(gateway.books())
    assert sum(totals["router_cost_eur_total"].values()) == pytest.approx(float(everything["cost_eur"]), rel=CLOSE)
    tokens = everything["input_tokens"] + everything["output_tokens"]
    assert sum(totals["router_tokens_total"].values()) == tokens
    mean = sum(totals["router_emissions_kgco2eq_total"].values())
    assert mean == pytest.approx(float(everything["emissions_kgCO2eq"]), rel=CLOSE)


def counters(text: str) -> dict[str, dict[str, float]]:
    """Return what each counter holds by model; of the bounds only the mean."""
    totals: dict[str, dict[str, float]] = {}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    for sample in samples:
        if "model" in sample.labels and sample.labels.get("bound", "mean") == "mean":
            by_model = totals.setdefault(sample.name, {})
            by_model[sample.labels["model"]] = by_model.get(sample.labels["model"], 0) + sample.value
    return totals


# What never reached a vendor costs nothing.
def test_refused_request_adds_nothing(client: Client, gateway: Gateway) -> None:
    before = summed(gateway.books())
    client.ask("")
    client.ask("Bonjour", model="gpt-9-nobody")

    after = summed(gateway.books())
    assert {key: after[key] for key in USAGE_KEYS - {"requests"}} == {
        key: before[key] for key in USAGE_KEYS - {"requests"}
    }


@pytest.fixture
def mortal(gateway_with: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway of its own, to be ended; its secret is the one it made for itself."""
    return gateway_with(**vendors(upstream))


# Answered means durable; what a dead process left open is closed as `unknown`, and counted.
def test_killed_gateway_keeps_its_books(mortal: Gateway, upstream: Upstream) -> None:
    client = Client(mortal, mortal.token())
    receipt = exact(client.ask(upstream.expect()).text)["metadata"]
    with posting(client, message=upstream.expect(hold_after=3), stream=True) as wire:
        read_until(wire, STORY[2].encode())
        assert mortal.process is not None
        os.kill(mortal.process.pid, signal.SIGKILL)
        mortal.process.wait()

    mortal.start()

    assert client.get("/auth/verify").status_code == 200
    rows = mortal.books()
    assert sorted(row["status"] for row in rows) == ["ok", "unknown"]
    assert mortal.row(receipt["request_id"])["cost_eur"] == receipt["pricing"]["total_cost"]
    families = {family.name: family for family in text_string_to_metric_families(mortal.metrics())}
    assert sum(s.value for s in families["router_unmetered"].samples if s.name.endswith("_total")) == 1


# Told to stop, it lets the streams end, settles them, and leaves with 0.
def test_stopped_gateway_finishes_its_streams(mortal: Gateway, upstream: Upstream) -> None:
    client = Client(mortal, mortal.token())
    prompt = upstream.expect(hold_after=1)
    with posting(client, message=prompt, stream=True) as wire:
        read_head = read_until(wire, b'"done"')
        assert mortal.process is not None
        mortal.process.terminate()
        upstream.release(prompt)
        rest = read_until(wire, b"0\r\n\r\n")

    assert mortal.process.wait(15) == 0, mortal.log
    assert b"usage_by_model" in read_head + rest
    assert [row["status"] for row in mortal.books()] == ["ok"]


# Several workers keep one book and show one set of counters, whichever of them is asked.
def test_two_workers_keep_one_book(gateway_with: Callable[..., Gateway], upstream: Upstream) -> None:
    gateway = gateway_with(**vendors(upstream), ROUTER_WORKERS="2")
    token = gateway.token()

    # A new connection each time: a kept one would stay with its worker.
    answers = [Client(gateway, token).ask(upstream.expect()) for _ in range(12)]

    costs = [exact(answer.text)["metadata"]["pricing"]["total_cost"] for answer in answers]
    assert sum(row["cost_eur"] for row in gateway.books()) == sum(costs)
    assert exact(Client(gateway, token).get("/usage").text)["requests"] == len(answers)
    for _ in range(4):
        assert sum(counters(gateway.metrics())["router_tokens_total"].values()) == len(answers) * USAGE["total_tokens"]


# Keys, prompts and answers are in no log.
def test_log_tells_nothing_it_was_told(client: Client, gateway: Gateway, upstream: Upstream) -> None:
    prompt = upstream.expect(pieces=("the-answer-itself",))
    client.ask(prompt)
    client.ask(upstream.expect(status=500, body=b"the-vendors-own-words"))

    for secret in (prompt, "the-answer-itself", "the-vendors-own-words", client.token, SECRET, "sk-upstream-openai"):
        assert secret not in gateway.log
