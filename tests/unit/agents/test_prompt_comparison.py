"""Answers held against those that were kept: the verdict, how alike they are, and what differs, in bounded time."""

import asyncio
import random
import time

import pytest

from agents.prompts.comparison import MOST_DIFF_CHARACTERS, MOST_WORDS, compared, diff_of, similarity_of

FRANCE = "La capitale de la France est Paris."


def test_identical_texts_are_told_apart_from_all_others():
    same, other = (asyncio.run(compared(FRANCE, text)) for text in (FRANCE, FRANCE + "\n"))

    assert (same.verdict, same.similarity, same.diff) == ("identical", 1.0, "")
    assert other.verdict == "modified"
    assert other.similarity < 1
    assert other.diff


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a b c", "a b d", 0.8),  # 4 of 5 characters match on either side
        ("a", "b", 0),
        ("", "b", 0),
        ("a", "a\n", round(2 / 3, 4)),
        ("x y", "y x", 0.3333),
        ("un deux trois", "un trois", round(2 * 8 / 21, 4)),
        ("mot " * 100_000 + "fin", "mot " * 100_000 + "fini", 0.9999),  # never 1 for texts that differ
    ],
)
def test_similarity_is_the_share_of_characters_in_words_that_match(one, other, alike):
    assert similarity_of(one, other) == alike


def test_similarity_goes_from_0_to_1_and_words_in_disorder_count_only_where_there_are_too_many():
    chance = random.Random(7)
    words = [f"mot{number}" for number in range(MOST_WORDS)]
    shuffled = chance.sample(words, len(words))

    few, many = (similarity_of(" ".join(words[:n]), " ".join(shuffled[:n])) for n in (500, MOST_WORDS))

    assert 0 < few < 0.5
    assert many > 0.9


@pytest.mark.parametrize("alphabet", [2, 30, 60, 3000])
def test_no_text_takes_long(alphabet):
    chance = random.Random(alphabet)
    signs = [chr(0x2190 + number) for number in range(alphabet)]
    one, other = ("".join(chance.choices([*signs, "\n"], k=200_000)) for _ in range(2))

    began = time.process_time()
    comparison = asyncio.run(compared(one, other))

    assert time.process_time() - began < 3
    assert len(comparison.diff) < MOST_DIFF_CHARACTERS + 100
    assert 0 <= comparison.similarity < 1


def test_diff_goes_from_what_was_kept_to_what_was_answered():
    assert diff_of("un\ndeux\ntrois", "un\ntrois\n") == "@@ -1,3 +1,3 @@\n un\n-deux\n trois\n+"


def test_diff_that_is_cut_says_so():
    text = diff_of("a\n" * 90_000, "b\n" * 90_000)

    assert text.endswith("… the diff goes on")
