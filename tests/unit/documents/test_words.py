"""Words: what a question and a passage have in common whatever their forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.glossary import meanings
from documents.words import asked, beginnings, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Les contrats résiliés", "contrat resilie"),
        ("Œuvres", "oeuvre"),
        ("REF-2024/017", "ref 2024/017 REF-2024/017"),
        ("ISO 27001", "ISO-27001"),
        ("12 500 €", "12,500 EUR"),
        ("12\u202f500", "12500"),
        ("Marie.Dupont@acme.example", "marie.dupont@ACME.example"),
        ("invoices", "INVOICE"),
    ],
)
def test_forms_of_one_thing_meet(one, other):
    sought = {word.terms for word in asked(one, 32) if word.code or word.exact} or {
        word.terms for word in asked(one, 32)
    }

    assert any(set(terms) & set(words_of(other).split()) for terms in sought)


def test_code_is_kept_whole_and_in_parts():
    assert {"ref2024017", "ref", "2024", "017"} <= set(words_of("voir REF-2024/017.").split())


def test_codes_come_first_when_a_question_is_long():
    assert [word.terms for word in asked("un mot anticonstitutionnel AB-12 zèbre", 1)] == [("ab12",)]


@given(st.text())
def test_words_of_any_text_are_letters_and_digits_parted_by_one_space(text):
    words = words_of(text)

    assert all(word.isalnum() for word in words.split(" ") if words)
    assert len(set(words.split())) == len(words.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Combien de jours de congé ?", "days of leave"),
        ("Who pays the invoices?", "Les factures sont payées"),
        ("ascenseur", "the lift"),
        ("elevators", "les ascenseurs"),
    ],
)
def test_everyday_words_stand_for_those_of_the_other_language(one, other):
    held = set(words_of(other).split())

    assert any(held.intersection(word.terms) for word in asked(one, 32))


def test_question_in_one_language_does_not_take_its_words_for_the_other():
    # A French pain is bread, and an English one is not.
    french, english = asked("Où est le pain de la cantine ?", 32), asked("Where is the pain?", 32)

    assert any("bread" in word.terms for word in french)
    assert not any("bread" in word.terms for word in english)


def test_long_words_that_begin_alike_are_kin():
    (french,), (english,), (short,), (code,) = (
        asked(one, 32)[:1] for one in ("défibrillateur", "defibrillator", "pompe", "AB-123456")
    )

    assert french.beginnings & english.beginnings
    assert french.beginnings <= beginnings(words_of("the defibrillator").split())
    assert not short.beginnings
    assert not code.beginnings


def test_glossary_has_each_meaning_in_both_languages():
    for french, english in meanings():
        assert french, english
        assert english, french
