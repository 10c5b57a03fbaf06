"""An answer becomes sentences as it is written, and none says what is not to be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.voice.sentences import cut, last, spoken


def sentences(text, size=7):
    """Return the sentences of a text that comes in pieces."""
    rest, found = "", []
    for at in range(0, len(text), size):
        more, rest = cut(rest + text[at : at + size], first=not found)
        found += more
    return [*found, *last(rest)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oui. Non ! Peut-être ? Bon…", ["Oui.", "Non !", "Peut-être ?", "Bon…"]),
        ("M. Dupont et Mme. Durand arrivent. Bien.", ["M. Dupont et Mme. Durand arrivent.", "Bien."]),
        ("It costs 3.5 euros, e.g. in Rome. Yes.", ["It costs 3.5 euros, e.g. in Rome.", "Yes."]),
        ("Le U.S. Congress vote. Fin.", ["Le U.S. Congress vote.", "Fin."]),
        ("Il a dit « oui. » Puis il est parti.", ["Il a dit « oui. »", "Puis il est parti."]),
        ("Voici :\n1. un pain\n2. du lait\n", ["Voici :", "1. un pain", "2. du lait"]),
        ("# Titre\n- **gras** et `code`\n- _fin_", ["Titre", "gras et code", "fin"]),
        ("Avant. ```un. deux``` Puis rien. ```trois. quatre", ["Avant.", "Puis rien."]),
        ("Avant.\n```python\nprint(1.0). \n```\nAprès.", ["Avant.", "Après."]),
        ("Voyez [le site](https://a.b/c?d=e). Ou https://x.y ici.", ["Voyez le site.", "Ou ici."]),
        ("*** \n\n --- \n", []),
        ("Un <script>texte</script>.", ["Un scripttexte/script."]),
    ],
)
def test_a_text_is_cut_where_a_voice_pauses(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize("size", [1, 3, 50, 1000])
def test_the_size_of_the_pieces_changes_nothing(size):
    text = "M. Dupont a payé 3.50 euros. Il est content ! Et vous ?\n1. Bien\n2. Mal"

    assert sentences(text, size) == [
        "M. Dupont a payé 3.50 euros.", "Il est content !", "Et vous ?", "1. Bien", "2. Mal",
    ]  # fmt: skip


def test_a_long_first_sentence_is_begun_at_its_comma():
    text = "La capitale de l'Italie est Rome, une ville fondée il y a bien longtemps, et qui compte plusieurs millions"

    assert cut(text, first=True)[0] == ["La capitale de l'Italie est Rome,"]
    assert cut(text, first=False) == ([], text)


def test_a_text_without_end_is_spoken_in_pieces():
    assert all(len(sentence) <= 300 for sentence in sentences("mot " * 500, 40))


@given(st.text(), st.integers(1, 9))
def test_whatever_is_written_is_cut_without_error_and_has_something_to_say(text, size):
    found = sentences(text, size)

    assert all(any(char.isalnum() or char == "_" for char in sentence) for sentence in found)
    assert all(not set(spoken(sentence)) & set("*`|<>{}\0") for sentence in found)
