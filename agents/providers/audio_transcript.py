"""A transcript as vendors answer it: text, language and times, of which odd ones never break the answer."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from math import inf, isfinite
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from agents.errors import ProviderDown
from agents.messages import Done, Segment, Transcript, Word
from agents.providers.audio_usage import heard
from agents.providers.failure import failure
from agents.providers.languages import code_of
from metering.usage import UsageAbsurd
from pricing_tables.model import Model

_NULL = Raw(b"null")


class Timed(Struct, gc=False):
    """A segment or a word; Mistral's segments and OpenAI's differ in what is not here.

    The embedded model alone says a `language` of each segment.
    """

    text: str | None = None
    word: str | None = None
    start: float | None = None
    end: float | None = None
    language: str | None = None


class Answer(Struct, gc=False):
    """A transcript; what is not its text stays JSON, so that an odd one never breaks an answer."""

    text: str | None = None
    language: Raw = _NULL
    segments: Raw = _NULL
    words: Raw = _NULL
    usage: Raw = _NULL
    error: Raw = _NULL


_decode = Decoder(Answer).decode
_decode_language = Decoder(str | None).decode
_decode_timed = Decoder(list[Timed] | None).decode


def read_transcript(body: bytes, model: Model, sent_s: Decimal) -> Done:
    """Return the end of an answer that transcribes so many seconds.

    Raises:
        ProviderDown: It is not an answer.

    """
    try:
        answer = _decode(_strict(body))
    except (ValueError, RecursionError):
        raise failure(ProviderDown, "malformed", accepted=True) from None
    if answer.error != _NULL:
        raise failure(ProviderDown, "error_object")
    if answer.text is None:
        raise failure(ProviderDown, "malformed", accepted=True)
    text = answer.text.strip()
    segments = _segments(_timed(answer.segments), _timed(answer.words), float(sent_s))
    transcript = Transcript(text, _language(answer.language), segments)
    if answer.usage == _NULL:
        return Done(transcript=transcript)
    try:
        return Done(heard(answer.usage, model, sent_s, wrote=bool(text)), transcript=transcript)
    except UsageAbsurd as absurd:
        return Done(usage_refused=str(absurd), transcript=transcript)


def _strict(body: bytes) -> bytes:
    """Return JSON whose numbers are numbers: servers written in Python send NaN, which is none, for a lost time."""
    if b"NaN" not in body and b"Infinity" not in body:
        return body

    def nothing(_: str) -> None:
        return None

    told: Any = json.loads(body, parse_constant=nothing)
    return msgspec.json.encode(told)


def _language(raw: Raw) -> str | None:
    try:
        told = _decode_language(raw)
    except (ValueError, RecursionError):
        return None
    return None if told is None else code_of(told)


def _timed(raw: Raw) -> list[Timed]:
    try:
        return _decode_timed(raw) or []
    except (ValueError, RecursionError):
        return []


def _segments(segments: list[Timed], words: list[Timed], end_s: float) -> tuple[Segment, ...]:
    """Return the segments in their order, each with the words that begin before the next one does."""
    spans = list(_ordered(segments, end_s))
    left = [Word(_text(word), start, end) for word, start, end in _ordered(words, end_s)]
    found: list[Segment] = []
    at = 0
    for index, (segment, start, end) in enumerate(spans):
        until = spans[index + 1][1] if index + 1 < len(spans) else inf
        first = at
        while at < len(left) and left[at].start_s < until:
            at += 1
        language = None if segment.language is None else code_of(segment.language)
        found.append(Segment(_text(segment), start, end, tuple(left[first:at]), language))
    return tuple(found)


def _ordered(timed: Iterable[Timed], end_s: float) -> Iterator[tuple[Timed, float, float]]:
    """Give what has text with its times; one that goes back, passes the end or is none becomes the nearest that can."""
    latest = 0.0
    for each in timed:
        if _text(each):
            latest = _within(each.start, latest, end_s)
            yield each, latest, _within(each.end, latest, end_s)


def _text(timed: Timed) -> str:
    return (timed.word or timed.text or "").strip()


def _within(seconds: float | None, least: float, most: float) -> float:
    if seconds is None or not isfinite(seconds):
        return least
    return min(max(seconds, least), max(most, least))
