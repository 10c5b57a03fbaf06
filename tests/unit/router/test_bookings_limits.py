"""Limits and budgets hold for documents as they do for requests."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from agents.local.embeddings import installed
from documents.errors import EmbeddingDelayed, EmbeddingRefused
from tests.unit.router.desk import DOCUMENT, SMALL, TEXTS, Desk

pytestmark = pytest.mark.anyio

LIMIT = {"ROUTER_DEFAULT_RPM": "1"}


async def test_a_hard_budget_that_cannot_cover_a_call_refuses_it(desk, server):
    await desk.limit("EUR", "0.0001")  # many a call of 64 short texts fits, a hundred of them do not

    with pytest.raises(EmbeddingRefused) as refused:
        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS * 50)

    assert "0.0001 EUR for the organization" in str(refused.value)
    (row,) = await desk.rows("status, cost_eur")
    assert row["status"] == "error"
    assert 0 < Decimal(row["cost_eur"]) <= Decimal("0.0001")
    # What a call was held and did not use covers the next: all is spent but the most that one more may cost.
    assert 10 < len(server.asked) == len(await desk.calls()) < 100


@pytest.mark.skipif(not installed(), reason="the `local` extra is not installed")
async def test_a_budget_in_grams_covers_as_many_calls_as_it_lasts_for(tmp_path, local):
    async with Desk(tmp_path, {}, local) as desk:
        await desk.limit("gCO2e", "0.5")  # the most that one call of ten minutes could emit is nine tenths of that

        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS * 2)

        (row,) = await desk.rows("status, emissions_kg")
        assert row["status"] == "ok"
        assert 0 < Decimal(row["emissions_kg"]) < Decimal("0.0005")


async def test_unknown_carbon_is_refused_under_a_budget_in_grams(desk, server):
    await desk.limit("gCO2e", "1000")

    with pytest.raises(EmbeddingRefused) as refused:
        async with desk.bookings.open(DOCUMENT):
            pass

    assert "footprint" in str(refused.value)
    assert server.asked == await desk.rows() == []


async def test_a_rate_limit_is_for_now(tmp_path, server):
    async with Desk(tmp_path, SMALL | LIMIT | {"OPENAI_BASE_URL": server.base_url}) as desk:
        async with desk.bookings.open(DOCUMENT) as embedder:
            await embedder.embed(TEXTS[:1])

        with pytest.raises(EmbeddingDelayed) as failed:
            async with desk.bookings.open(DOCUMENT):
                pass

        assert not isinstance(failed.value, EmbeddingRefused)
        assert len(await desk.rows()) == 1


async def test_nothing_is_booked_on_a_project_that_was_archived_meanwhile(desk, server):
    project = await desk.opened.tenancy.projects.create("Fournil")
    document = replace(DOCUMENT, project_id=project.id)
    async with desk.bookings.open(document) as embedder:
        await embedder.embed(TEXTS[:1])
    await desk.opened.tenancy.projects.archive(project.id)
    await desk.opened.tenancy.revision.look()

    with pytest.raises(EmbeddingRefused) as refused:
        async with desk.bookings.open(document):
            pass

    assert "archived" in str(refused.value)
    assert len(server.asked) == len(await desk.rows()) == 1
