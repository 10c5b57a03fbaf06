"""The journal: what was begun is found again after a kill, and nothing more grows than what is open."""

import os

import pytest

from storage.errors import StorageDown
from storage.journal import Journal, lines_in


def test_what_is_open_is_found_by_whoever_looks_later(tmp_path):
    journal = Journal(tmp_path / "journals" / "me")
    journal.open("a", b"alpha")
    journal.open("b", b"beta")

    journal.close("a")

    assert lines_in(tmp_path / "journals" / "me") == [b"alpha", b"beta"]


def test_line_that_a_kill_cut_short_is_left_out(tmp_path):
    (tmp_path / "me").write_bytes(b"alpha\nbet")

    assert lines_in(tmp_path / "me") == [b"alpha"]


def test_journal_of_nobody_is_empty(tmp_path):
    assert lines_in(tmp_path / "nobody") == []


def test_long_journal_is_written_anew_with_what_is_open(tmp_path):
    path = tmp_path / "me"
    journal = Journal(path, most_bytes=1000)
    journal.open("stays", b"stays")

    for number in range(500):
        journal.open(str(number), b"x" * 20)
        journal.close(str(number))

    assert path.stat().st_size < 1100
    assert b"stays" in lines_in(path)
    journal.open("last", b"last")
    assert lines_in(path)[-1] == b"last"


def test_it_goes_when_all_is_closed_and_stays_when_something_is_open(tmp_path):
    done, left = Journal(tmp_path / "done"), Journal(tmp_path / "left")
    for journal in (done, left):
        journal.open("a", b"alpha")

    done.close("a")
    done.end()
    left.end()

    assert [path.name for path in tmp_path.iterdir()] == ["left"]


def test_journal_that_cannot_be_written_refuses(tmp_path):
    journal = Journal(tmp_path / "me")
    os.close(journal._file)

    with pytest.raises(StorageDown):
        journal.open("a", b"alpha")
