"""The book read back: in order, with all its digits, and totals that are exact."""

import asyncio
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.ledger_reader import LedgerReader, print_ledger
from storage.errors import StorageDown
from storage.migrations import upgrade
from tests.unit.metering.books import kept, lines
from tests.unit.metering.samples import CALL, NOON, entry

DAY = timedelta(days=1)


@pytest.mark.anyio
async def test_book_is_read_from_a_moment_on_in_the_order_it_was_written(folder):
    await kept(folder, entry("r1", minutes=5), entry("r2", minutes=1), entry("r3", minutes=3))

    assert [line.request_id for line in lines(folder)] == ["r1", "r2", "r3"]
    assert [line.request_id for line in lines(folder, NOON + timedelta(minutes=3))] == ["r1", "r3"]


def test_book_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(StorageDown):
        lines(tmp_path)


@pytest.mark.anyio
async def test_printed_book_has_one_object_a_line_and_numbers_with_all_their_digits(folder):
    await kept(folder, entry("r1", kg=None))
    out = io.BytesIO()

    print_ledger(lines(folder), out)

    assert out.getvalue() == (
        b'{"request_id":"r1","status":"ok","model":"gpt-4o","agent":"V2","input_tokens":19,"output_tokens":38,'
        b'"cost_eur":0.000012345678901234,"emissions_kgCO2eq":null,"usage_source":"provider","attempts":1,'
        b'"time":"2026-11-21T12:00:00Z","project_id":"proj-default"}\n'
    )
    assert json.loads(out.getvalue(), parse_float=Decimal)["cost_eur"] == CALL.cost_eur


@pytest.mark.anyio
async def test_totals_take_a_project_a_model_and_a_time_that_excludes_its_end(folder):
    await kept(
        folder,
        entry("r1", cost=Decimal(1)),
        entry("r2", cost=Decimal(2), minutes=60),
        entry("r3", cost=Decimal(4), project_id="proj-other"),
        entry("r4", cost=Decimal(8), model="mistral-large-latest", kg=None),
    )
    totals = LedgerReader(folder / "router.db").totals

    hour = totals("proj-default", NOON, NOON + timedelta(hours=1))
    assert (hour.requests, hour.cost_eur, hour.unknown) == (2, Decimal(9), 1)
    day = totals("proj-default", NOON, NOON + DAY, "gpt-4o")
    assert (day.requests, day.cost_eur, day.input_tokens, day.output_tokens) == (2, Decimal(3), 38, 76)
    assert totals("proj-none", NOON, NOON + DAY).requests == 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    upgrade(f"sqlite:///{folder}/router.db")
    return folder


@pytest.fixture(scope="module")
def projects() -> Iterator[int]:
    return count()


EUROS = st.decimals(min_value=0, max_value=10**9, places=18)
KILOGRAMS = st.none() | st.floats(min_value=0, max_value=1e9).map(lambda kg: Decimal(repr(kg)))


@settings(max_examples=25, deadline=None)
@given(figures=st.lists(st.tuples(EUROS, KILOGRAMS), max_size=30))
def test_totals_equal_the_sum_of_the_receipts_exactly(shared, projects, figures):
    project = f"proj-{next(projects)}"
    entries = [entry(f"{project}-{n}", project_id=project, cost=cost, kg=kg) for n, (cost, kg) in enumerate(figures)]
    asyncio.run(kept(shared, *entries))

    totals = LedgerReader(shared / "router.db").totals(project, datetime.min.replace(tzinfo=UTC), NOON + DAY)

    assert totals.requests == len(figures)
    assert totals.unknown == sum(kg is None for _, kg in figures)
    assert Fraction(totals.cost_eur) == sum(Fraction(cost) for cost, _ in figures)
    known = [Fraction(kg) for _, kg in figures if kg is not None]
    # A figure that no request has is unknown, not zero (C-7).
    assert totals.emissions_kg is None if figures and not known else Fraction(totals.emissions_kg) == sum(known)
