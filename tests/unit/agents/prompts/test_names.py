"""Names are what people type: any script, and nothing that hides or breaks a line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.prompts.errors import PromptInvalid
from agents.prompts.names import (
    can_be_found,
    checked_category,
    checked_description,
    checked_label,
    checked_labels,
    checked_name,
    checked_note,
    checked_tags,
    folded,
    label_meant,
    spelled,
)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Email de Bienvenue", "Email de Bienvenue"),
        (" \t Déjà \n", "Déjà"),
        ("De\u0301ja\u0300", "Déjà"),
        ("a/b c/../{{x}}?#%2F'\"", "a/b c/../{{x}}?#%2F'\""),
        ("你好 👩‍🚀", "你好 👩‍🚀"),
        ("x" * 200, "x" * 200),
        ("e\u0301" * 200, "é" * 200),
    ],
)
def test_a_name_is_kept_composed_and_stripped(given_name, kept):
    assert checked_name(given_name) == kept


@pytest.mark.parametrize(
    "refused",
    [
        "",
        "  ",
        ".",
        "..",
        "x" * 201,
        "a\0",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\ue000b",
        "a\U00100000",
        "\ud800",
        "a\u2028b",
    ],
)
def test_a_name_that_hides_or_breaks_is_refused(refused):
    with pytest.raises(PromptInvalid) as raised:
        checked_name(refused)

    assert raised.value.param == "name"


@given(st.text(max_size=250))
def test_what_is_kept_as_a_name_is_found_by_it_and_kept_again_as_it_is(text):
    try:
        name = checked_name(text)
    except PromptInvalid:
        return

    assert spelled(text) == spelled(name) == checked_name(name) == name
    assert can_be_found(name)


@pytest.mark.parametrize("label", ["STAGING", "a", "préprod", "v1.2_rc-3", "x" * 64])
def test_a_label_is_any_one_word(label):
    assert checked_label(f" {label} ") == label


@pytest.mark.parametrize("label", ["", "a b", "a/b", "a,b", "x" * 65, "a\0", "💥"])
def test_what_is_no_word_is_no_label(label):
    with pytest.raises(PromptInvalid) as raised:
        checked_label(label)

    assert raised.value.param == "labels"


@pytest.mark.parametrize("label", ["production", "latest", "PRODUCTION", " Latest "])
def test_nobody_sets_the_labels_that_follow_from_the_versions(label):
    with pytest.raises(PromptInvalid, match="cannot be set"):
        checked_label(label)

    assert label_meant(label) == label.strip().lower()


def test_labels_are_sorted_and_each_there_once():
    assert checked_labels(["b", "a", " b", "B"]) == ("B", "a", "b")
    with pytest.raises(PromptInvalid, match="at most 50"):
        checked_labels([f"l{number}" for number in range(51)])


@pytest.mark.parametrize(
    ("category", "kept"), [("", ""), ("  ", ""), ("a", "a"), (" a / b c/d ", "a/b c/d"), ("Été", "Été")]
)
def test_a_category_is_a_path(category, kept):
    assert checked_category(category) == kept


@pytest.mark.parametrize("category", ["/", "/a", "a/", "a//b", "a/../b", ".", "x" * 201, "a\nb"])
def test_a_path_with_holes_is_no_category(category):
    with pytest.raises(PromptInvalid) as raised:
        checked_category(category)

    assert raised.value.param == "category"


def test_tags_are_each_there_once_in_the_order_given():
    assert checked_tags(["b", " a", "b", 'c "d", e']) == ("b", "a", 'c "d", e')
    for refused in ([""], ["a\nb"], ["x" * 65], [f"t{number}" for number in range(51)]):
        with pytest.raises(PromptInvalid) as raised:
            checked_tags(refused)
        assert raised.value.param == "tags"


def test_descriptions_and_notes_are_texts_of_any_number_of_lines():
    assert checked_description("a\n\tb") == checked_note("a\n\tb") == "a\n\tb"
    for refused in ("a\0", "\udfff", "x" * 10_001):
        with pytest.raises(PromptInvalid, match="description"):
            checked_description(refused)
        with pytest.raises(PromptInvalid, match="note"):
            checked_note(refused)


def test_a_search_sees_neither_case_nor_accents():
    assert folded("ÉTÉ", "Straße") == "ete\nstrasse"


@pytest.mark.parametrize("check", [checked_name, checked_label, checked_category, lambda text: checked_tags([text])])
@pytest.mark.parametrize("text", ["e" + "\u0301\u0316" * 200_000, "/" * 1_000_000], ids=["marks", "slashes"])
def test_a_megabyte_is_refused_at_once(check, text):
    began = time.process_time()

    with pytest.raises(PromptInvalid):
        check(text)

    assert time.process_time() - began < 0.1


def test_a_long_text_of_marks_is_folded_at_once():
    began = time.process_time()

    assert folded("É" + "\u0301\u0316" * 100_000 + "é") == "ee"
    assert time.process_time() - began < 1
