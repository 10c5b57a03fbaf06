"""Transcripts of parts put together: what two parts both heard is told once, and what only one heard is not lost."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import groupby

from msgspec import Struct

from agents.audio.clip import RATE
from agents.messages import Segment, Transcript

# Words without times are looked for among so many at either side: nobody says more in a second than this.
MOST_WORDS_A_SECOND = 6
# Times that models tell of words are off by so much, so both sides of an overlap are looked at a little further.
SLACK_S = 1.0
# Times are rounded: parts that meet seem to overlap by less than a sample.
A_SAMPLE_S = 1 / RATE


class Heard(Struct, frozen=True):
    """The transcript of a part: when the part starts in the recording, and how long it is, in seconds."""

    start_s: float
    seconds: float
    transcript: Transcript

    @property
    def end_s(self) -> float:
        """When it ends in the recording."""
        return self.start_s + self.seconds


class _Token(Struct, frozen=True):
    """A word as it is written, its sound for comparisons, its time in the recording, and the segment that it is of."""

    text: str
    sound: str
    start_s: float
    end_s: float
    segment: tuple[int, int]
    language: str | None

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


def join(parts: Sequence[Heard]) -> Transcript:
    """Return the transcript of a recording from those of its parts.

    Where parts overlap, the longest run of words that both have in the overlap is sought; the earlier part is taken up
    to its middle and the later one from there on: what either of them misheard at its edge is then told by the other.
    Without any common word the overlap is cut in the middle of its time.

    Args:
        parts: In their order, each with times from its own beginning.

    Returns:
        Segments with times in the recording, without times of words. The language is the one that was spoken longest.

    """
    told: list[_Token] = []
    until_s = 0.0
    for index, part in enumerate(parts):
        tokens = _tokens(index, part)
        overlap_s = until_s - part.start_s
        if told and overlap_s > A_SAMPLE_S:
            told, tokens = _without_doubles(told, tokens, part.start_s, until_s)
        told += tokens
        until_s = max(until_s, part.end_s)
    segments = [_segment(list(run)) for _, run in groupby(told, key=_segment_of)]
    return Transcript(" ".join(segment.text for segment in segments), _language(parts), tuple(segments))


def _segment_of(token: _Token) -> tuple[int, int]:
    return token.segment


def _segment(tokens: Sequence[_Token]) -> Segment:
    text = " ".join(token.text for token in tokens)
    return Segment(text, round(tokens[0].start_s, 3), round(tokens[-1].end_s, 3), language=tokens[0].language)


def _language(parts: Sequence[Heard]) -> str | None:
    spoken: Counter[str] = Counter()
    for part in parts:
        language = part.transcript.language
        for segment in _segments(part):
            told = segment.language or language
            if told is not None and segment.text:
                spoken[told] += max(1, round(1000 * (segment.end_s - segment.start_s)))
    if not spoken:
        return next((part.transcript.language for part in parts if part.transcript.language), None)
    return spoken.most_common(1)[0][0]


def _segments(part: Heard) -> Sequence[Segment]:
    """Return the segments of a part; one for all where its model tells none."""
    transcript = part.transcript
    if transcript.segments:
        return transcript.segments
    return (Segment(transcript.text.strip(), 0.0, part.seconds),)


def _tokens(index: int, part: Heard) -> list[_Token]:
    tokens: list[_Token] = []
    for number, segment in enumerate(_segments(part)):
        written = segment.text.split()
        language = segment.language or part.transcript.language
        for text, (start_s, end_s) in zip(written, _times(segment, written), strict=True):
            times = (part.start_s + min(start_s, part.seconds), part.start_s + min(end_s, part.seconds))
            tokens.append(_Token(text, _sound(text), *times, (index, number), language))
    return tokens


def _times(segment: Segment, written: Sequence[str]) -> list[tuple[float, float]]:
    """Return when each word is said: as the model tells it, else in the measure of its letters."""
    if len(segment.words) == len(written):
        return [(word.start_s, word.end_s) for word in segment.words]
    letters = sum(len(word) + 1 for word in written) or 1
    pace_s = max(0.0, segment.end_s - segment.start_s) / letters
    times: list[tuple[float, float]] = []
    at_s = segment.start_s
    for word in written:
        times.append((at_s, at_s + pace_s * len(word)))
        at_s += pace_s * (len(word) + 1)
    return times


def _sound(text: str) -> str:
    """Return a word without case, accents and punctuation: two hearings of a word differ in those."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text.lower()) if letter.isalnum())
    return plain or text


def _without_doubles(
    before: list[_Token], after: list[_Token], from_s: float, until_s: float
) -> tuple[list[_Token], list[_Token]]:
    """Return both sides of an overlap, each up to where the other goes on."""
    most = int((until_s - from_s + 2 * SLACK_S) * MOST_WORDS_A_SECOND)
    tail = [at for at, token in enumerate(before) if token.end_s > from_s - SLACK_S][-most:]
    head = [at for at, token in enumerate(after) if token.start_s < until_s + SLACK_S][:most]
    ours, theirs = [before[at].sound for at in tail], [after[at].sound for at in head]
    found = SequenceMatcher(None, ours, theirs, autojunk=False).find_longest_match()
    if found.size == 0:
        cut_s = (from_s + until_s) / 2
        kept = [token for token in before if token.middle_s < cut_s or token.end_s <= from_s]
        return kept, [token for token in after if token.middle_s >= cut_s or token.start_s >= until_s]
    half = (found.size + 1) // 2
    return before[: tail[found.a] + half], after[head[found.b] + half :]
