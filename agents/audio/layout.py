"""Minutes as text: every section, also an empty one, in the language of the meeting."""

from collections.abc import Sequence

from msgspec import Struct

from agents.audio.minutes import Action, Minutes


class Headings(Struct, frozen=True):
    """What the sections are called, and what stands where nothing was noted."""

    untitled: str
    participants: str
    nobody: str
    points: str
    decisions: str
    actions: str
    nothing: str
    owner: str
    due: str
    unknown: str
    unmade: str


FRENCH = Headings(
    untitled="Compte rendu de réunion",
    participants="Participants",
    nobody="Personne n'est nommé.",
    points="Points abordés",
    decisions="Décisions",
    actions="Actions",
    nothing="Rien n'a été relevé.",
    owner="responsable",
    due="échéance",
    unknown="non précisé",
    unmade="Cette section n'a pas pu être rédigée ; ce qui a été dit est dans la transcription.",
)
ENGLISH = Headings(
    untitled="Minutes of the meeting",
    participants="Participants",
    nobody="Nobody is named.",
    points="Points discussed",
    decisions="Decisions",
    actions="Actions",
    nothing="Nothing was noted.",
    owner="owner",
    due="due",
    unknown="not said",
    unmade="This section could not be written; what was said is in the transcript.",
)


def text_of(minutes: Minutes) -> str:
    """Return the minutes in Markdown."""
    words = _headings(minutes.language)
    notes = minutes.notes
    sections = (
        f"# {minutes.title or words.untitled}",
        _section(words.participants, notes.participants, words.nobody),
        _section(words.points, notes.points, words.nothing),
        _section(words.decisions, notes.decisions, words.nothing),
        _section(words.actions, [_action(action, words) for action in notes.actions], words.nothing),
    )
    return "\n\n".join(sections)


def text_unmade(language: str | None) -> str:
    """Return minutes that could not be made: every section says so, in the language of the meeting."""
    words = _headings(language)
    sections = (words.participants, words.points, words.decisions, words.actions)
    return "\n\n".join([f"# {words.untitled}", *(_section(heading, (), words.unmade) for heading in sections)])


def _headings(language: str | None) -> Headings:
    return FRENCH if language == "fr" else ENGLISH


def _section(heading: str, lines: Sequence[str], empty: str) -> str:
    return f"## {heading}\n\n" + ("\n".join(f"- {line}" for line in lines) or empty)


def _action(action: Action, words: Headings) -> str:
    owner, due = action.owner or words.unknown, action.due or words.unknown
    return f"{action.task} ({words.owner} : {owner} ; {words.due} : {due})"
