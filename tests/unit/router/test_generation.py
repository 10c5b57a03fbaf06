"""The name of a prompt that is made of its task."""

import pytest

from router.generation import UNTITLED, title_of

MARKS = "e" + "\u0301\u0323" * 100_000  # composing all of them would take minutes


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ("Summarise a letter", "Summarise a letter"),
        ("  a\tb\n c ", "a b c"),
        ("word " * 100, ("word " * 12).strip()),
        ("\u200b \u0000", UNTITLED),
        (f"Letters {MARKS}", "Letters"),
    ],
)
def test_a_title_is_the_first_words_of_a_task(task: str, title: str) -> None:
    assert title_of(task) == title
