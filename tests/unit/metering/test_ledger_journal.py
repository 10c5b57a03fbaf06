"""A journal that a power cut spoiled keeps nobody from starting, and what it still tells is closed."""

from pathlib import Path

from msgspec import json

from tests.heads import file_at_head
from tests.unit.metering.books import close_the_dead, lines
from tests.unit.metering.samples import admission


def test_what_can_be_read_of_a_spoiled_journal_is_closed(tmp_path: Path) -> None:
    database = tmp_path / "router.db"
    file_at_head(database)
    journals = tmp_path / "journals"
    journals.mkdir()
    whole = [json.encode(admission("req_1")), json.encode(admission("req_2"))]
    (journals / "dead").write_bytes(b"\n".join([whole[0], b"\0" * 64, b'{"request_id":"half', b"\xff", whole[1], b""]))

    closed = close_the_dead(tmp_path)

    assert closed == 2
    assert {line.request_id for line in lines(tmp_path)} == {"req_1", "req_2"}
    assert close_the_dead(tmp_path) == 0
