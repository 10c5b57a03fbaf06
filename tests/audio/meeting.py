"""A meeting in two languages, made to measure: a script with its decisions, and its sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.speech import RATE, say, silence

BETWEEN_SENTENCES_S = 0.35
BETWEEN_SPEAKERS_S = 0.9

# Language, subject, person, place and day of each point of the agenda.
AGENDA = (
    ("fr", "le nouveau site", "Claire Martin", "la grande salle", "vendredi"),
    ("en", "the training plan", "Peter Johnson", "the main office", "Monday"),
    ("fr", "le budget des voyages", "Paul Durand", "la salle du fond", "mardi"),
    ("en", "the customer survey", "Susan Taylor", "the meeting room", "Thursday"),
    ("fr", "la sécurité des données", "Marie Bernard", "le bâtiment neuf", "lundi"),
    ("en", "the summer party", "David Brown", "the garden", "Saturday"),
    ("fr", "le stock de papier", "Lucie Petit", "la cave", "jeudi"),
    ("en", "the office move", "Helen Smith", "the old building", "Wednesday"),
    ("fr", "la formation des équipes", "Antoine Moreau", "la bibliothèque", "mercredi"),
    ("en", "the energy report", "Robert Wilson", "the library", "Friday"),
    ("fr", "le contrat du fournisseur", "Julie Roux", "la mairie", "samedi"),
    ("en", "the phone system", "Emma White", "the reception", "Tuesday"),
)
OPENING = {
    "fr": (
        "Nous parlons maintenant de {subject}.",
        "{person} présente le sujet devant toute l'équipe.",
        "La question de {subject} est importante pour la direction.",
        "Le travail a commencé le mois dernier dans {place}.",
        "Plusieurs personnes ont déjà donné leur avis par écrit.",
        "{person} rappelle que les délais sont courts.",
        "Il faut aussi penser aux coûts et à la qualité.",
        "Tout le monde est d'accord avec cette analyse.",
    ),
    "en": (
        "We now talk about {subject}.",
        "{person} presents the subject to the whole team.",
        "The question of {subject} is important for the management.",
        "The work started last month in {place}.",
        "Several people have already given their opinion in writing.",
        "{person} says that there is not much time left.",
        "We must also think about the costs and the quality.",
        "Everybody agrees with this analysis.",
    ),
}
DECISION = {
    "fr": "Nous décidons de continuer avec {subject} jusqu'au printemps.",
    "en": "We decide to continue with {subject} until the spring.",
}
CLOSING = {
    "fr": ("{person} prépare un document pour {day}.", "Nous remercions {person} pour son travail."),
    "en": ("{person} will prepare a document for {day}.", "We thank {person} for this work."),
}
# What makes the second round of the agenda another one than the first.
ROUNDS = {
    "fr": (
        "Premier tour de table.",
        "Nous revenons sur ce point.",
        "Encore une fois, parlons de la suite.",
        "Dernier mot.",
    ),
    "en": (
        "First round of comments.",
        "Let us come back to this point.",
        "Once more, let us talk about the rest.",
        "Last word.",
    ),
}


@dataclass(frozen=True)
class Line:
    """One sentence as it is said."""

    language: str
    text: str
    decision: bool = False


@dataclass(frozen=True)
class Meeting:
    """A script and its sound: raw PCM of 16 bit, mono, 16 kHz; `spans` tells when each line is said, in seconds."""

    lines: tuple[Line, ...]
    pcm: bytes
    spans: tuple[tuple[float, float], ...]

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def subjects_decided(self) -> list[str]:
        """What each decision is about."""
        return [
            subject for _, subject, *_ in AGENDA if any(line.decision and subject in line.text for line in self.lines)
        ]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / RATE


def _points() -> Iterator[tuple[Line, ...]]:
    for round_number in range(len(ROUNDS["fr"])):
        for language, subject, person, place, day in AGENDA:
            words = {"subject": subject, "person": person, "place": place, "day": day}
            said = [ROUNDS[language][round_number], *(text.format(**words) for text in OPENING[language])]
            lines = [Line(language, text) for text in said]
            lines.append(Line(language, DECISION[language].format(**words), decision=True))
            lines += [Line(language, text.format(**words)) for text in CLOSING[language]]
            yield tuple(lines)


@cache
def meeting(minutes: float) -> Meeting:
    """Return a meeting of whole points of the agenda, of at least so many minutes."""
    lines: list[Line] = []
    spans: list[tuple[float, float]] = []
    sound: list[bytes] = [silence(0.5)]
    size = len(sound[0])
    for point in _points():
        for line in point:
            lines.append(line)
            said, pause = say(line.text, line.language), silence(BETWEEN_SENTENCES_S)
            spans.append((size / 2 / RATE, (size + len(said)) / 2 / RATE))
            sound += [said, pause]
            size += len(said) + len(pause)
        sound.append(silence(BETWEEN_SPEAKERS_S))
        size += len(sound[-1])
        if size >= minutes * 60 * RATE * 2:
            break
    return Meeting(tuple(lines), b"".join(sound), tuple(spans))
