"""A text tells its language by its commonest words, or does not."""

import pytest

from agents.audio.languages import likely_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Nous parlons maintenant de la réunion.", "fr"),
        ("We now talk about the meeting.", "en"),
        ("Wir sprechen nicht über das Haus.", "de"),
        ("Hola, ¿cómo está usted?", "es"),
        ("Che cosa è questo?", "it"),
        ("LE PROJET ET LA SUITE", "fr"),
        ("", None),
        ("12 345", None),
        ("你好世界", None),
    ],
)
def test_language_is_told_by_common_words(text: str, language: str | None) -> None:
    assert likely_language(text) == language
