"""What an audio call consumed as its provider tells it, in disjoint buckets or refused."""

from decimal import Decimal
from math import isfinite

from msgspec import Raw, Struct
from msgspec.json import Decoder
from msgspec.structs import replace

from agents.providers.vendor_usage import MOST_BUSY_S, CompletionDetails, PromptDetails, VendorUsage, disjoint
from metering.usage import Usage, UsageAbsurd
from pricing_tables.model import Model


class InputDetails(Struct, frozen=True):
    """What the input tokens are made of."""

    audio_tokens: int | None = None
    text_tokens: int | None = None


class AudioUsage(Struct, frozen=True):
    """The `usage` objects of audio calls: by `seconds`, by tokens in and out, or Mistral's, which has both."""

    seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_token_details: InputDetails | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_audio_seconds: float | None = None
    busy_s: float | None = None


_decode = Decoder(AudioUsage).decode


def heard(raw: Raw, model: Model, sent_s: Decimal, *, wrote: bool) -> Usage:
    """Return what a transcription consumed.

    Args:
        raw: The vendor's `usage` object, still JSON.
        model: Who heard; where its tokens cost, seconds alone are no count.
        sent_s: How much audio it was sent, in seconds: nobody hears more.
        wrote: The transcript has at least one character.

    Raises:
        UsageAbsurd: The counts are not counts, or contradict each other or the answer.

    """
    vendor = _decoded(raw)
    told = vendor.seconds if vendor.seconds is not None else vendor.prompt_audio_seconds
    if told is not None and not (isfinite(told) and told >= 0):
        raise UsageAbsurd("seconds out of range")
    audio_s = sent_s if told is None else min(sent_s, Decimal(repr(told)))
    return replace(_tokens(vendor, model, wrote=wrote), audio_s=audio_s)


def said(raw: Raw) -> Usage:
    """Return what a speech consumed: the tokens that it wrote are audio.

    Raises:
        UsageAbsurd: As `heard`.

    """
    vendor = _decoded(raw)
    if vendor.input_tokens is None or vendor.output_tokens is None:
        raise UsageAbsurd("counts missing")
    return disjoint(_by_direction(vendor, spoken=vendor.output_tokens), wrote=True)


def busy_seconds(header: str) -> float | None:
    """Return the processor time that a header tells; None where it tells none that can be."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= MOST_BUSY_S else None


def _decoded(raw: Raw) -> AudioUsage:
    try:
        return _decode(raw)
    except (ValueError, RecursionError):
        raise UsageAbsurd("not token counts") from None


def _tokens(vendor: AudioUsage, model: Model, *, wrote: bool) -> Usage:
    if vendor.input_tokens is not None and vendor.output_tokens is not None:
        return disjoint(_by_direction(vendor), wrote=wrote)
    if vendor.prompt_tokens:
        return disjoint(_by_mistral(vendor), wrote=wrote)
    if model.audio_tokens_s or (vendor.seconds is None and vendor.prompt_audio_seconds is None):
        raise UsageAbsurd("counts missing")
    if vendor.busy_s is not None and not 0 <= vendor.busy_s <= MOST_BUSY_S:
        raise UsageAbsurd("processor time out of range")
    return Usage(busy_s=vendor.busy_s)


def _by_direction(vendor: AudioUsage, spoken: int | None = None) -> VendorUsage:
    details = vendor.input_token_details
    return VendorUsage(
        prompt_tokens=vendor.input_tokens,
        completion_tokens=vendor.output_tokens,
        total_tokens=vendor.total_tokens,
        prompt_tokens_details=None if details is None else PromptDetails(audio_tokens=details.audio_tokens),
        completion_tokens_details=CompletionDetails(audio_tokens=spoken),
        busy_s=vendor.busy_s,
    )


def _by_mistral(vendor: AudioUsage) -> VendorUsage:
    """Read a count whose total has the tokens of the audio too, while that of the prompt has its text alone."""
    read, wrote = vendor.prompt_tokens or 0, vendor.completion_tokens or 0
    total = read + wrote if vendor.total_tokens is None else vendor.total_tokens
    audio = total - read - wrote
    return VendorUsage(
        prompt_tokens=read + audio,
        completion_tokens=wrote,
        prompt_tokens_details=PromptDetails(audio_tokens=audio),
        busy_s=vendor.busy_s,
    )
