"""Minutes have every section, whatever there is to tell, in the language of the meeting."""

import pytest

from agents.audio.layout import text_of, text_unmade
from agents.audio.minutes import Action, Minutes, Notes

SECTIONS = {
    "fr": ["# Compte rendu de réunion", "## Participants", "## Points abordés", "## Décisions", "## Actions"],
    "en": ["# Minutes of the meeting", "## Participants", "## Points discussed", "## Decisions", "## Actions"],
}


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


@pytest.mark.parametrize(("language", "asked"), [("fr", "fr"), ("en", "en"), (None, "en"), ("de", "en")])
def test_every_section_is_there_when_nothing_was_noted(language: str | None, asked: str) -> None:
    text = text_of(Minutes("", Notes(), language, 0, 0))

    assert headings(text) == SECTIONS[asked]
    assert "\n\n\n" not in text


@pytest.mark.parametrize(("language", "asked"), [("fr", "fr"), ("en", "en"), (None, "en")])
def test_every_section_says_that_it_could_not_be_written(language: str | None, asked: str) -> None:
    text = text_unmade(language)

    assert headings(text) == SECTIONS[asked]
    assert text.count("transcri") == 4


def test_action_tells_who_and_until_when_or_that_it_was_not_said() -> None:
    actions = (Action("préparer le budget", "Claire", "vendredi"), Action("écrire à la mairie"))

    text = text_of(Minutes("Budget", Notes(actions=actions), "fr", 1, 0))

    assert "- préparer le budget (responsable : Claire ; échéance : vendredi)" in text
    assert "- écrire à la mairie (responsable : non précisé ; échéance : non précisé)" in text
