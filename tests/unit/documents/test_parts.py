"""What the parts of a passage add to its likeness."""

from math import sqrt
from struct import pack

import pytest

from documents.parts import MOST_PARTS, PART, meaning, parts_of, sharpened
from documents.vectors import unit


def vector(*numbers: float) -> bytes:
    return unit(pack(f"<{len(numbers)}f", *numbers))


def test_short_lines_are_joined_and_sentences_stand_alone():
    text = "Oui.\nNon.\nLe loyer est dû le premier du mois. Les charges le sont le quinze du mois."

    parts = parts_of(text)

    assert " ".join(parts) == text.replace("\n", " ")
    assert len(parts) > 1
    assert all(len(part) >= PART for part in parts[:-1])


def test_no_more_parts_than_the_most_are_kept():
    assert len(parts_of("Une phrase qui est assez longue. " * 99)) == MOST_PARTS


def test_best_part_and_best_two_in_a_row_count_as_the_whole_does():
    question = vector(1, 1)
    kept = meaning(vector(1, 0), [vector(1, 0), vector(0, 1), vector(-1, 0)])

    found = sharpened({7: 0.5}, [(7, kept.parts)], question)

    # Two in a row say together what the question says, though neither does alone.
    assert found[7] == pytest.approx((0.5 + sqrt(0.5) + 1) / 3, abs=0.01)


def test_passages_do_not_run_into_each_other():
    question = vector(1, 1)
    one, other = (meaning(vector(1, 0), [vector(*part)]).parts for part in ((1, 0), (0, 1)))

    found = sharpened({1: 0.5, 2: 0.5}, [(1, one), (2, other)], question)

    assert found[1] == pytest.approx((0.5 + 2 * sqrt(0.5)) / 3, abs=0.01)
    assert found[2] == pytest.approx(found[1], abs=0.01)


def test_passage_without_parts_or_with_others_keeps_its_likeness():
    assert sharpened({1: 0.5, 2: 0.4}, [(1, b""), (2, b"abc")], vector(1, 1)) == {1: 0.5, 2: 0.4}


def test_parts_that_say_the_opposite_add_up_to_nothing_and_not_to_an_error():
    kept = meaning(vector(1, 0), [vector(1, 0), vector(-1, 0)])

    assert sharpened({1: 0.3}, [(1, kept.parts)], vector(1, 0))[1] == pytest.approx((0.3 + 1 + 0) / 3, abs=0.01)
