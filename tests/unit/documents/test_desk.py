"""The desk: uploads lie there privately while they are read, and what the dead left is removed."""

import pytest

from documents.claims import MOST_TRIES
from documents.desk import desk, sheet
from documents.ingest import Pace


def test_file_is_private_and_gone_in_the_end(tmp_path):
    with desk(tmp_path / "uploads", "me") as own, sheet(own, "one") as path:
        modes = [place.stat().st_mode & 0o777 for place in (own, path)]

    assert modes == [0o700, 0o600]
    assert list((tmp_path / "uploads").iterdir()) == []


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_has_stays(tmp_path):
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / "upload").write_text("secret")

    with desk(tmp_path, "living") as living, sheet(living, "one") as path, desk(tmp_path, "me"):
        assert path.exists()
        assert {folder.name for folder in tmp_path.iterdir()} == {"living", "me"}


def test_file_is_gone_when_the_reading_fails(tmp_path):
    with desk(tmp_path, "me") as own:
        with pytest.raises(LookupError), sheet(own, "one"):
            raise LookupError

        assert list(own.iterdir()) == []


def test_pauses_grow_from_2_seconds_to_5_minutes_and_last_a_good_hour():
    pauses = [Pace().pause_after(tries) for tries in range(1, MOST_TRIES)]

    assert (pauses[0], pauses[1], max(pauses)) == (2, 4, 300)
    assert 3600 < sum(pauses) < 4500
