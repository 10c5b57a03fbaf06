"""What the voices are given to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.local.speaking import MOST_PIECE, language_of, pieces


def test_sentences_are_said_one_at_a_time():
    assert pieces("Bonjour. Ça va ?\n\nTrès bien !") == ["Bonjour.", "Ça va ?", "Très bien !"]


def test_decimals_and_names_with_dots_are_not_cut():
    assert pieces("Cela coûte 3.50 euros sur example.com.") == ["Cela coûte 3.50 euros sur example.com."]


def test_marks_that_are_written_but_not_said_are_left_out():
    text = "# Réponse\n\n- **Rome** est `belle`, voir [ici](https://example.com/a_b).\x00<speed level='9'> Fin\x07."

    assert pieces(text) == ["Réponse", "Rome est belle, voir ici.", "Fin ."]


@pytest.mark.parametrize("text", ["", " \n ", "...", "***", "<>", "\x00", "—"])
def test_nothing_to_say_is_nothing(text):
    assert pieces(text) == []


@given(st.text(max_size=2_000))
def test_no_piece_is_long_or_holds_what_the_voice_takes_for_its_own(text):
    for piece in pieces(text):
        assert 0 < len(piece) <= MOST_PIECE
        assert not {*"\x00<>"} & {*piece}
        piece.encode()


def test_a_long_sentence_is_cut_at_its_commas_then_between_words():
    at_commas = pieces("un deux trois quatre cinq six sept, " * 20)
    between_words = pieces("mot " * 200)

    assert all(piece.endswith(",") for piece in at_commas)
    assert "".join(between_words).replace(" ", "") == "mot" * 200
    assert all(piece.split() == ["mot"] * len(piece.split()) for piece in between_words)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("La réunion commence demain, vous êtes invité.", "fr"),
        ("The meeting starts tomorrow and you are invited.", "en"),
        ("Das Treffen beginnt morgen und ist für alle.", "de"),
        ("42", "fr"),
    ],
)
def test_the_commonest_words_tell_the_language(text, language):
    assert language_of(text) == language
