"""The book read back: in order, some entries at a time, with all its digits."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from metering.ledger_reader import AT_A_TIME, LedgerReader, print_ledger
from storage.errors import StorageDown
from storage.sqlite import Sqlite
from tests.unit.metering.books import kept, lines
from tests.unit.metering.samples import CALL, NOON, entry


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

    await print_ledger(LedgerReader(Sqlite(folder / "router.db")).read(), out)

    assert out.getvalue() == (
        b'{"request_id":"r1","status":"ok","model":"gpt-4o","agent":"V2","input_tokens":19,"output_tokens":38,'
        b'"cost_eur":0.000012345678901234,"emissions_kgCO2eq":null,"usage_source":"provider","attempts":1,'
        b'"time":"2026-11-21T12:00:00Z","project_id":"proj-default","key_id":"key_1"}\n'
    )
    assert json.loads(out.getvalue(), parse_float=Decimal)["cost_eur"] == CALL.cost_eur


@pytest.mark.anyio
async def test_book_longer_than_what_is_read_at_a_time_is_read_whole(folder):
    await kept(folder, *(entry(f"r{number}") for number in range(2 * AT_A_TIME)))

    read = lines(folder)

    assert [line.request_id for line in read] == [f"r{number}" for number in range(2 * AT_A_TIME)]
