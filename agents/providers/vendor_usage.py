"""A provider's own token counts, turned into disjoint buckets or refused."""

from msgspec import Raw, Struct
from msgspec.json import Decoder
from msgspec.structs import replace

from metering.usage import MOST_TOKENS, Usage, UsageAbsurd

MOST_BUSY_S = 1e6  # eleven days: no call lasts as long


class PromptDetails(Struct, frozen=True):
    """Subsets of the prompt's tokens; never to be added to them."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class CompletionDetails(Struct, frozen=True):
    """Subsets of the completion's tokens; never to be added to them."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class VendorUsage(Struct, frozen=True):
    """The `usage` object of the OpenAI and Mistral chat APIs, and `busy_s` of the embedded provider."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    num_cached_tokens: int | None = None
    busy_s: float | None = None


_decoder = Decoder(VendorUsage)


def read_usage(raw: Raw, *, wrote: bool) -> Usage:
    """Return the counts in disjoint buckets.

    Args:
        raw: The vendor's `usage` object, still JSON.
        wrote: The answer had at least one character, so at least one token.

    Raises:
        UsageAbsurd: The counts are not counts, or contradict each other or the answer.

    """
    try:
        vendor = _decoder.decode(raw)
    except (ValueError, RecursionError):
        raise UsageAbsurd("not token counts") from None
    return disjoint(vendor, wrote=wrote)


def read_reading(raw: Raw) -> Usage:
    """Return the counts of a call that reads and generates nothing, as those of embeddings models do.

    Raises:
        UsageAbsurd: The counts are not counts, contradict each other, or tell of tokens that were generated.

    """
    try:
        vendor = _decoder.decode(raw)
    except (ValueError, RecursionError):
        raise UsageAbsurd("not token counts") from None
    if vendor.completion_tokens:
        raise UsageAbsurd("tokens generated where none can be")
    return disjoint(replace(vendor, completion_tokens=0), wrote=False)


def disjoint(vendor: VendorUsage, *, wrote: bool) -> Usage:
    """Return the counts in disjoint buckets; see `read_usage`."""
    read, generated = vendor.prompt_tokens, vendor.completion_tokens
    if read is None or generated is None:
        raise UsageAbsurd("counts missing")
    if vendor.total_tokens is not None and vendor.total_tokens != read + generated:
        raise UsageAbsurd("total is not the sum")
    if read == 0 or (wrote and generated == 0):
        raise UsageAbsurd("nothing counted")
    prompt = vendor.prompt_tokens_details or PromptDetails()
    completion = vendor.completion_tokens_details or CompletionDetails()
    # Mistral repeats the cached count under a name of its own.
    cached = prompt.cached_tokens if prompt.cached_tokens is not None else vendor.num_cached_tokens
    cache_read, cache_write, heard = cached or 0, prompt.cache_write_tokens or 0, prompt.audio_tokens or 0
    reasoning, spoken = completion.reasoning_tokens or 0, completion.audio_tokens or 0
    buckets = Usage(
        input_uncached=read - cache_read - cache_write - heard,
        cache_read=cache_read,
        cache_write=cache_write,
        output_visible=generated - reasoning - spoken,
        reasoning=reasoning,
        audio_input=heard,
        audio_output=spoken,
        busy_s=vendor.busy_s,
    )
    _check(buckets)
    return buckets


def _check(usage: Usage) -> None:
    if usage.input_tokens > MOST_TOKENS or usage.output_tokens > MOST_TOKENS:
        raise UsageAbsurd("more than any model can take")
    if min(usage.cache_read, usage.cache_write, usage.reasoning, usage.audio_input, usage.audio_output) < 0:
        raise UsageAbsurd("negative count")
    if usage.input_uncached < 0 or usage.output_visible < 0:
        raise UsageAbsurd("negative count, or a part larger than its whole")
    if usage.busy_s is not None and not 0 <= usage.busy_s <= MOST_BUSY_S:
        raise UsageAbsurd("processor time out of range")
