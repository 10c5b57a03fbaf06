"""The embeddings of a document are one row of the ledger: let in, covered, priced, weighed and settled once."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from aiohttp import web

from agents.local.embeddings import installed
from documents.errors import EmbeddingFailed, EmbeddingRefused
from metering.call import Call
from metering.ledger import Admission
from metering.meter import Meter
from metering.middleware import new_request_id
from metering.usage import Usage
from pricing_tables.loader import load_catalogue, load_rates
from tests.unit.router.desk import DOCUMENT, TEXTS, Desk
from tests.vectors import honest, rows, vector

pytestmark = pytest.mark.anyio

CATALOGUE = load_catalogue(local_watts=65.0)
JOULES_A_KWH, KG_A_KWH, WATTS = 3_600_000, 0.04144, 65  # EcoLogits' mix of France; the default of ROUTER_LOCAL_WATTS


async def test_a_document_is_one_row_of_as_many_calls_as_it_took(desk, server):
    async with desk.bookings.open(DOCUMENT) as embedder:
        first = await embedder.embed(TEXTS[:100])
        rest = await embedder.embed(TEXTS[100:])

    assert [*first, *rest] == [vector(text) for text in TEXTS]
    assert [len(asked["input"]) for asked in server.asked] == [64, 36, 50]
    (row,) = await desk.rows()
    assert row.pop("request_id").startswith("req_")
    assert row == {
        "route": "/projects/{project_id}/documents",
        "agent": "documents",
        "model": "text-embedding-3-small",
        "resolved_model": "text-embedding-3-small",
        "project_id": "proj-default",
        "subject": "user-of-the-upload",
        "status": "ok",
        "input_tokens": 3 * 150,
        "output_tokens": 0,
    }
    assert desk.bookings.model == "text-embedding-3-small"
    assert 'router_tokens_total{agent="documents",direction="input",model="text-embedding-3-small"} 450.0' in (
        desk.metrics()
    )
    assert "router_latency_seconds_count 0.0" in desk.metrics()


async def test_euros_are_exact_and_unknown_carbon_is_null_with_a_warning(desk):
    async with desk.bookings.open(DOCUMENT) as embedder:
        await embedder.embed(TEXTS)

    today = datetime.now(UTC).date()
    (row,) = await desk.rows("cost_eur, emissions_kg, warnings, exchange")
    rate = load_rates().rate_on("USD", today).rate
    dollars = Decimal(450) * Decimal("0.02") / 1_000_000
    assert Decimal(row["cost_eur"]) == pytest.approx(dollars / rate, rel=Decimal("1e-12"))
    assert row["emissions_kg"] is None
    assert "model-not-registered" in row["warnings"]
    assert all(call["output_visible"] == 0 and call["kg"] is None for call in await desk.calls())


async def test_texts_are_split_by_size_too(desk, server):
    texts = ["é" * 5_000] * 5 + ["e" * 50_000, "e"]

    async with desk.bookings.open(DOCUMENT) as embedder:
        vectors = await embedder.embed(texts)

    assert len(vectors) == 7
    assert [len(asked["input"]) for asked in server.asked] == [2, 2, 1, 1, 1]


@pytest.mark.skipif(not installed(), reason="the `local` extra is not installed")
async def test_embedded_model_costs_nothing_and_its_carbon_is_measured(tmp_path, local):
    async with Desk(tmp_path, {}, local) as desk:
        async with desk.bookings.open(DOCUMENT) as embedder:
            vectors = await embedder.embed(TEXTS)

        calls = await desk.calls()
    assert {len(vector) for vector in vectors} == {4 * 512}
    assert len(calls) == 3
    for call in calls:
        assert (call["model"], Decimal(call["cost_eur"])) == ("use-multilingual-v3", 0)
        assert float(call["kg"]) == pytest.approx(WATTS * call["busy_s"] / JOULES_A_KWH * KG_A_KWH, rel=1e-3)
        assert call["busy_s"] > 0


async def test_what_was_embedded_before_a_failure_is_booked(desk, server):
    server.says = [honest, lambda _: web.Response(status=404)]

    with pytest.raises(EmbeddingFailed):
        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS)

    (row,) = await desk.rows()
    assert (row["status"], row["input_tokens"]) == ("error", 3 * 64)
    assert [call["status"] for call in await desk.calls()] == ["ok", "error"]


async def test_a_receipt_names_the_chat_model_that_answered_whatever_was_embedded(desk):
    meter = Meter(desk.opened.books, new_request_id())
    asked = Admission(
        request_id=meter.request_id,
        opened_at=datetime.now(UTC),
        route="/completion",
        agent="V2",
        model="gpt-4o",
        project_id="proj-default",
        subject="someone",
    )
    meter.admit(asked, stream=False)
    for name in ("gpt-4o", "text-embedding-3-small"):
        call = Call(CATALOGUE.find(name), [], streamed=False)
        meter.begin(call)
        call.answered(Usage(input_uncached=7), None)

    receipt = await meter.settle("ok")

    assert receipt.resolved_model == "gpt-4o"
    assert set(receipt.usage_by_model) == {"gpt-4o", "text-embedding-3-small"}


async def test_a_failure_of_the_caller_is_booked_and_passed_on(desk):
    async def ingest():
        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS[:1])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ingest()

    (row,) = await desk.rows()
    assert (row["status"], row["input_tokens"]) == ("error", 3)


@pytest.mark.parametrize(
    ("status", "tries", "refused"), [(400, 1, True), (401, 1, False), (429, 1, False), (500, 2, False)]
)
async def test_only_what_would_end_the_same_way_is_refused_for_good(desk, server, status, tries, refused):
    server.says = [lambda _: web.Response(status=status)]

    with pytest.raises(EmbeddingFailed) as failed:
        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS[:1])

    assert isinstance(failed.value, EmbeddingRefused) is refused
    assert server.base_url not in str(failed.value)
    assert len(server.asked) == tries


async def test_a_vendor_that_fails_once_is_asked_again(desk, server):
    server.says = [lambda _: web.Response(status=503), honest]

    async with desk.bookings.open(DOCUMENT) as embedder:
        await embedder.embed(TEXTS[:1])

    assert [call["status"] for call in await desk.calls()] == ["error", "ok"]
    assert (await desk.rows())[0]["status"] == "ok"


async def test_vectors_that_change_their_length_are_a_failure(desk, server):
    server.says = [honest, lambda asked: {"data": rows(asked["input"], 8)}]

    with pytest.raises(EmbeddingFailed):
        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS[:100])


async def test_usage_that_is_not_told_is_estimated(desk, server):
    server.says = [lambda asked: {"data": rows(asked["input"])}]

    async with desk.bookings.open(DOCUMENT) as embedder:
        await embedder.embed(TEXTS[:10])

    (row,) = await desk.rows("input_tokens, output_tokens, usage_source, warnings")
    assert 50 < row["input_tokens"] < 300
    assert (row["output_tokens"], row["usage_source"]) == (0, "estimated")
    assert "usage-estimated" in row["warnings"]


async def test_a_cancelled_document_is_settled_once(desk, server):
    stuck, release = asyncio.Event(), asyncio.Event()

    class Stuck(web.StreamResponse):
        async def prepare(self, request):
            stuck.set()
            await release.wait()
            return await super().prepare(request)

    server.says = [honest, lambda _: Stuck()]

    async def ingest():
        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS)

    work = asyncio.create_task(ingest())
    await stuck.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    release.set()

    (row,) = await desk.rows()
    assert row["status"] == "error"
    assert row["input_tokens"] > 3 * 64  # the second call's are owed too, as far as anybody knows
    assert [call["status"] for call in await desk.calls()] == ["ok", "cancelled"]
    assert desk.opened.books.served == set()
