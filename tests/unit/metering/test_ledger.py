"""The ledger: each request exactly once, every figure in its column, and no row ever edited."""

import asyncio
import sqlite3
from decimal import Decimal

import pytest
from msgspec import structs

from metering import ledger_store
from metering.ledger_reader import LedgerLine
from storage.errors import UnitRefused
from storage.statement import Statement
from tests.unit.metering.books import book, journals, kept, lines, opened, query
from tests.unit.metering.samples import CALL, NOON, admission, entry

REPLACE_ANOTHER = """
    REPLACE INTO ledger (position, request_id, opened_at, settled_at, route, agent, model, project_id, subject, status)
    VALUES (1, 'other', '', '', '', '', '', '', '', 'ok')
"""


@pytest.mark.anyio
async def test_settled_request_is_in_the_book_and_no_longer_open(folder):
    async with opened(folder) as ledger:
        ledger.admit(admission("r1"))
        await ledger.append(entry("r1", calls=2))

    assert journals(folder) == []
    assert lines(folder) == [
        LedgerLine(
            request_id="r1",
            status="ok",
            model="gpt-4o",
            agent="V2",
            input_tokens=19,
            output_tokens=38,
            cost_eur=CALL.cost_eur,
            emissions_kg=CALL.kg,
            usage_source="provider",
            attempts=2,
            time=NOON,
            project_id="proj-default",
            key_id="key_1",
        )
    ]


@pytest.mark.anyio
async def test_every_scalar_of_an_entry_and_its_calls_has_its_column(folder):
    await kept(folder, entry("r1", minutes=1))

    row = dict(query(folder, "SELECT * FROM ledger")[0])
    call = dict(query(folder, "SELECT * FROM ledger_calls")[0])
    assert row == {
        "position": 1,
        "request_id": "r1",
        "opened_at": "2026-11-21T12:00:00.000000+00:00",
        "settled_at": "2026-11-21T12:01:00.000000+00:00",
        "route": "/completion",
        "agent": "V2",
        "model": "gpt-4o",
        "project_id": "proj-default",
        "subject": "user",
        "key_id": "key_1",
        "prompt_id": None,
        "prompt_version": None,
        "status": "ok",
        "stream": 1,
        "input_tokens": 19,
        "output_tokens": 38,
        "total_tokens": 57,
        "latency_s": 0.6,
        "ttft_s": None,
        "overhead_s": 0.001,
        "cost_eur": "0.000012345678901234",
        "emissions_kg": "1.2345678901234E-7",
        "emissions_min_kg": "1.2345678901234E-7",
        "emissions_max_kg": "1.2345678901234E-7",
        "energy_kwh": "0.00011",
        "embodied_kg": None,
        "water_liters": "0.0001",
        "method": "ecologits==0.11.3",
        "exchange": '{"USD":{"rate":"1.1603","date":"2026-11-20"}}',
        "usage_source": "provider",
        "attempts": 1,
        "resolved_model": "gpt-4o",
        "warnings": "[]",
    }
    figures = {name: value for name, value in structs.asdict(CALL).items() if name != "tokens"}
    figures |= structs.asdict(CALL.tokens)
    expected = {name: str(value) if isinstance(value, Decimal) else value for name, value in figures.items()}
    assert call == {"request_id": "r1", "seq": 0, **expected}


@pytest.mark.parametrize("statement", [ledger_store.APPEND, ledger_store.APPEND_CALL])
def test_what_is_written_names_every_column_of_its_table(folder, statement: Statement):
    columns = {row["name"] for row in query(folder, f"PRAGMA table_info({statement.table})")}

    assert set(statement.columns) == columns - {"position"}


@pytest.mark.anyio
async def test_second_entry_of_a_request_is_refused_and_the_first_stays(folder):
    async with opened(folder) as ledger:
        await ledger.append(entry("r1", cost=Decimal(1)))
        with pytest.raises(UnitRefused):
            await ledger.append(entry("r1", cost=Decimal(2)))
        twins = await asyncio.gather(*(ledger.append(entry("r2")) for _ in range(5)), return_exceptions=True)

    assert [type(twin) for twin in twins] == [type(None), *[UnitRefused] * 4]
    assert [line.cost_eur for line in lines(folder)] == [Decimal(1), CALL.cost_eur]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE ledger SET cost_eur = '0'",
        "UPDATE ledger_calls SET cost_eur = '0'",
        "DELETE FROM ledger",
        "DELETE FROM ledger_calls",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger",
        "REPLACE INTO ledger_calls SELECT * FROM ledger_calls",
        "UPDATE OR REPLACE ledger SET position = 7",
        REPLACE_ANOTHER,
    ],
)
async def test_database_itself_refuses_to_edit_the_book(folder, edit):
    await kept(folder, entry("r1"))
    before = book(folder)

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        query(folder, edit)

    assert book(folder) == before
