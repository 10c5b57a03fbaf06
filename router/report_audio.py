"""The pages of what was heard and what was spoken, in OpenAI's shape."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from msgspec import Struct

from metering.question import Line
from router.report_pages import Page, names, page_of
from router.report_query import Asked


class TranscriptionsResult(Struct, frozen=True, kw_only=True):
    """Seconds of audio and calls of transcription models; a field that was not grouped by is null.

    `seconds` is whole, as clients of this shape expect, rounded up; `seconds_exact` is what prices rest on.
    """

    object: Literal["organization.usage.audio_transcriptions.result"] = "organization.usage.audio_transcriptions.result"
    seconds: int
    seconds_exact: Decimal
    num_model_requests: int
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None


class SpeechesResult(Struct, frozen=True, kw_only=True):
    """Characters and calls of speech models; as in `TranscriptionsResult`."""

    object: Literal["organization.usage.audio_speeches.result"] = "organization.usage.audio_speeches.result"
    characters: int
    num_model_requests: int
    project_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None


def transcriptions(asked: Asked, lines: Iterable[Line]) -> Page[TranscriptionsResult]:
    """Return what was heard; requests that heard nothing are not in it."""

    def result(line: Line) -> TranscriptionsResult:
        seconds = line.sums.audio_s or Decimal(0)
        return TranscriptionsResult(
            seconds=int(seconds.to_integral_value(ROUND_CEILING)),
            seconds_exact=seconds,
            num_model_requests=line.sums.heard,
            **names(asked, asked.question, line),
        )

    return page_of(asked, lines, lambda found: [result(line) for line in found if line.sums.heard])


def speeches(asked: Asked, lines: Iterable[Line]) -> Page[SpeechesResult]:
    """Return what was spoken; requests that spoke nothing are not in it."""

    def result(line: Line) -> SpeechesResult:
        return SpeechesResult(
            characters=line.sums.characters or 0,
            num_model_requests=line.sums.spoken,
            **names(asked, asked.question, line),
        )

    return page_of(asked, lines, lambda found: [result(line) for line in found if line.sums.spoken])
