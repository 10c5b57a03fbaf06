"""Names of documents: what is shown is no path, hides nothing and is never empty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.names import NAMELESS, shown_name


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\Étude finale.docx", "Étude finale.docx"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("half \ud800.txt", "half .txt"),
        ("..", NAMELESS),
        ("folder/", NAMELESS),
        (" \t", NAMELESS),
        ("x" * 500, "x" * 200),
    ],
)
def test_name_is_shown_without_its_path_and_without_what_cannot_be_seen(given_name, shown):
    assert shown_name(given_name) == shown


@given(st.text())
def test_shown_name_is_never_empty_and_stays_as_it_is(text):
    shown = shown_name(text)

    assert 1 <= len(shown) <= 200
    assert shown_name(shown) == shown
    assert not {"/", "\\", "\n"} & set(shown)
