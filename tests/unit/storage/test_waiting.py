"""What could never be written is printed, so that its figures can be entered by hand."""

import asyncio
import json

import pytest

from storage.clerk import Plain
from storage.statement import insert_into
from storage.waiting import Handed, Waiting

pytestmark = pytest.mark.anyio

FIGURES = insert_into("ledger", ("request_id", "cost_eur"), rank=0)
ANSWERS = insert_into("idempotency", ("key", "body"), rank=3)


async def test_what_was_answered_is_not_printed_with_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting()
    future = asyncio.get_running_loop().create_future()
    unit = Plain([(FIGURES, ("req-1", "0.10")), (ANSWERS, ("key-1", b"between you and me"))])
    waiting.add(Handed(unit, future, durable=True))

    waiting.give_up()

    printed = json.loads(capsys.readouterr().err)
    assert [row["row"] for row in printed["work"]] == [
        {"request_id": "req-1", "cost_eur": "0.10"},
        {"key": "key-1", "body": None},
    ]
    assert future.exception() is not None
