"""A journal that a power cut spoiled keeps nobody from starting, and what it still tells is closed."""

from pathlib import Path

from msgspec import json

from metering.ledger import close_abandoned
from storage.migrations import upgrade
from tests.unit.metering.books import lines
from tests.unit.metering.samples import admission


def test_what_can_be_read_of_a_spoiled_journal_is_closed(tmp_path: Path) -> None:
    database = tmp_path / "router.db"
    upgrade(f"sqlite:///{database}")
    journals = tmp_path / "journals"
    journals.mkdir()
    whole = [json.encode(admission("req_1")), json.encode(admission("req_2"))]
    (journals / "dead").write_bytes(b"\n".join([whole[0], b"\0" * 64, b'{"request_id":"half', b"\xff", whole[1], b""]))

    closed = close_abandoned(database, tmp_path / "owners", journals)

    assert closed == 2
    assert {line.request_id for line in lines(tmp_path)} == {"req_1", "req_2"}
    assert close_abandoned(database, tmp_path / "owners", journals) == 0
