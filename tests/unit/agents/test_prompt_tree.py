"""A folder of prompts: nothing outside it is read or written, whatever the names and whatever stands there."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.prompts.folder import MOST_BYTES, FileWrong
from agents.prompts.tree import own_path_of, path_of, sheets_in, told, write

PROMPT = b"---\nname: x\n---\nHi"
SEGMENTS = st.text(max_size=8) | st.sampled_from(["..", ".", "/", "\\", "~", "con", "C:", "\0", ".git", "a" * 300])


@given(SEGMENTS, st.lists(SEGMENTS, max_size=4).map("/".join))
def test_whatever_its_name_and_category_a_prompt_has_a_plain_path_within_the_folder(name: str, category: str):
    for path in (path_of(name, category), own_path_of(name.encode(errors="replace").decode(), category)):
        *folders, file = path.split("/")
        assert file.endswith(".md")
        for part in (*folders, file.removesuffix(".md")):
            assert part
            assert len(part) <= 70
            assert part.isascii()
            assert part.replace("-", "").isalnum()
            assert part == part.lower()
            assert part not in {"con", "nul"}


def test_names_read_as_paths_and_those_with_the_same_letters_are_told_apart():
    assert path_of("Email de Bienvenue", "Support/Mails d'été") == "support/mails-d-ete/email-de-bienvenue.md"
    assert path_of("../../etc/passwd", "..") == "prompt/etc-passwd.md"
    assert path_of("日本", "") == "prompt.md"
    assert own_path_of("été", "") != own_path_of("Été", "")


def test_prompts_are_found_in_every_folder_and_what_is_hidden_or_for_readers_is_left_aside(tmp_path: Path):
    for path in ("b.md", "a/c.MD", ".git/x.md", ".hidden.md", "README.md", "a/README.md", "notes.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(PROMPT)

    found, problems = sheets_in(tmp_path)

    assert sorted(found) == ["a/c.MD", "b.md"]
    assert problems == []


def test_what_is_no_plain_file_is_never_opened_and_told_by_its_name(tmp_path: Path):
    secret = tmp_path / "secret.md"
    secret.write_bytes(PROMPT)
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "link.md").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe.md")
    with (folder / "huge.md").open("wb") as huge:
        huge.truncate(MOST_BYTES + 1)
    (folder / "bell\x07.md").write_bytes(b"\xff")

    found, problems = sheets_in(folder)

    assert found == {}
    assert problems == [
        "bell\ufffd.md: front matter: the file must begin with a line ---, fields such as name: x, and a line ---",
        f"huge.md: it has {MOST_BYTES + 1} bytes; {MOST_BYTES} is the most",
        "link.md: it is no plain file; links are not followed",
        "linked: it is no plain file; links are not followed",
        "pipe.md: it is no plain file; links are not followed",
    ]


def test_a_file_is_written_whole_and_only_when_it_changes(tmp_path: Path):
    assert write(tmp_path, "a/b/c.md", PROMPT)
    before = (tmp_path / "a/b/c.md").stat()

    assert not write(tmp_path, "a/b/c.md", PROMPT)
    assert (tmp_path / "a/b/c.md").stat() == before
    assert write(tmp_path, "a/b/c.md", b"other")
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["c.md"]


@pytest.mark.parametrize("path", ["link.md", "linked/x.md", "file/x.md", "folder.md"])
def test_nothing_is_written_through_a_link_nor_over_what_is_no_file(tmp_path: Path, path: str):
    folder, outside = tmp_path / "prompts", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "kept.md").write_text("kept")
    (folder / "link.md").symlink_to(outside / "kept.md")
    (folder / "linked").symlink_to(outside, target_is_directory=True)
    (folder / "file").write_text("kept")
    (folder / "folder.md").mkdir()

    with pytest.raises(FileWrong, match="no plain"):
        write(folder, path, PROMPT)

    assert [(each.name, each.read_text()) for each in outside.iterdir()] == [("kept.md", "kept")]


def test_a_path_that_is_no_text_can_be_told():
    assert told("a\udcff\x1b[31m\n.md") == "a\ufffd\ufffd[31m\ufffd.md"
