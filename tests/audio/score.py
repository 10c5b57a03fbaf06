"""How well a meeting was heard: its words, its sentences where it was cut, its decisions."""

import re
from difflib import SequenceMatcher
from typing import Any

from tests.audio.meeting import Meeting
from tests.speech import word_error_rate, words

HEADINGS = {
    "fr": ("Participants", "Points abordés", "Décisions", "Actions"),
    "en": ("Participants", "Points discussed", "Decisions", "Actions"),
}
NUMBERS = {"1er": "premier", "1ere": "premiere", "1st": "first"}
# How far around a cut sentences are looked at, and how much further they are looked for.
AROUND_S, FURTHER_S = 7.0, 8.0
# Letters that a sentence has in common with what is heard of it, and with a second hearing of it.
HEARD, AGAIN = 0.6, 0.85
FEWEST_LETTERS = 4


def plain(text: str) -> str:
    """Return a text with its numbers in words."""
    return " ".join(NUMBERS.get(word, word) for word in words(text))


def error_rate(meeting: Meeting, transcript: list[dict[str, Any]]) -> float:
    """Return the word error rate of a transcript, numbers aside."""
    return word_error_rate(plain(meeting.text), plain(" ".join(each["text"] for each in transcript)))


def doubled_or_missing(meeting: Meeting, transcript: list[dict[str, Any]], cuts: list[float]) -> list[str]:
    """Return the sentences near cuts that are not heard exactly once, or out of their order."""
    wrong: list[str] = []
    for cut in cuts:
        lines = [
            line.text
            for line, (start, end) in zip(meeting.lines, meeting.spans, strict=True)
            if start >= cut - AROUND_S and end <= cut + AROUND_S
        ]
        reach = AROUND_S + FURTHER_S
        heard = [
            word
            for each in transcript
            if cut - reach <= (each["start"] + each["end"]) / 2 <= cut + reach
            for word in plain(each["text"]).split()
        ]
        places = [_places(plain(line), heard) for line in lines]
        wrong += [f"{len(found)} times: {line}" for line, found in zip(lines, places, strict=True) if len(found) != 1]
        order = [found[0] for found in places if found]
        wrong += [] if order == sorted(order) else [f"out of order: {lines}"]
    return wrong


def _places(said: str, heard: list[str]) -> list[int]:
    """Return where a sentence is heard, best place first; places do not overlap."""
    size = len(said.split())
    alike = [
        (SequenceMatcher(None, said, " ".join(heard[at : at + size]), autojunk=False).ratio(), at)
        for at in range(len(heard))
    ]
    found: list[int] = []
    for ratio, at in sorted(alike, key=lambda each: (-each[0], each[1])):
        if ratio >= (AGAIN if found else HEARD) and all(abs(at - other) >= size for other in found):
            found.append(at)
    return found


def sections(minutes: str, language: str) -> dict[str, str]:
    """Return what stands under each heading of minutes, by its English name."""
    parts = dict(re.findall(r"^## (.+?)\n\n(.*?)(?=\n\n## |\Z)", minutes, re.MULTILINE | re.DOTALL))
    return {
        english: parts.get(heading, "") for english, heading in zip(HEADINGS["en"], HEADINGS[language], strict=True)
    }


def decisions_named(meeting: Meeting, decisions: str) -> list[str]:
    """Return the subjects decided on that a section of decisions names: every long word of them, but for its ending."""
    lines = [plain(line) for line in decisions.splitlines()]
    return [
        subject
        for subject in meeting.subjects_decided
        if any(all(stem in line for stem in _stems(subject)) for line in lines)
    ]


def _stems(subject: str) -> list[str]:
    return [word[:-1] for word in plain(subject).split() if len(word) >= FEWEST_LETTERS]
