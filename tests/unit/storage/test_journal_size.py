"""The journal forgets nothing that is open, and writes little to remember it."""

from pathlib import Path

from storage.journal import Journal, lines_in

LINE = b"x" * 99


def test_what_is_open_survives_being_written_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", most_bytes=1_000)
    for number in range(50):
        journal.open(str(number), b"%d" % number)
        if number % 10:
            journal.close(str(number))
    journal.end()

    assert {b"0", b"10", b"20", b"30", b"40"} <= set(lines_in(tmp_path / "j"))


def test_much_that_is_open_is_not_written_anew_at_each_closing(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, most_bytes=1_000)
    for number in range(100):
        journal.open(str(number), LINE)

    files = set()
    for number in range(20):
        journal.close(str(number))
        files.add(path.stat().st_ino)
    journal.end()

    assert len(files) == 1


def test_a_folder_without_room_for_a_new_file_costs_no_descriptor(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", most_bytes=10)
    (tmp_path / ".j").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(20):
        journal.open(str(number), LINE)
        journal.close(str(number))

    assert len(list(Path("/proc/self/fd").iterdir())) == before
    journal.end()
