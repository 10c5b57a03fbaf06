"""Tokens of one upstream call, in disjoint buckets."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from msgspec import Struct

MOST_TOKENS = 10_000_000  # no model's window comes near; a larger count is a broken or hostile one

# What a chat template puts around a prompt and around each turn, in tokens. The templates of the embedded models and of
# the vendors' own counting rules stay below (OpenAI cookbook, "How to count tokens": 3 a turn and 3 a reply; ChatML of
# Qwen2.5: 5 a turn and a system line of 21).
TEMPLATE_TOKENS = 64
TURN_TOKENS = 8

UsageSource = Literal["provider", "estimated"]


class UsageAbsurd(ValueError):
    """The provider's token counts contradict themselves or the answer."""


class Usage(Struct, frozen=True, kw_only=True):
    """Counts that never overlap: each token is in exactly one bucket.

    `busy_s` is the processor time of the call as a share of the whole machine, in seconds, for providers that
    measure it (the embedded ones do); None elsewhere. `audio_s` is how much audio was read, `characters` how long a
    text was spoken, for models that are priced by them; None elsewhere.
    """

    input_uncached: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output_visible: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    source: UsageSource = "provider"
    busy_s: float | None = None
    audio_s: Decimal | None = None
    characters: int | None = None

    @property
    def input_tokens(self) -> int:
        """Everything that was read: uncached, cached and audio."""
        return self.input_uncached + self.cache_read + self.cache_write + self.audio_input

    @property
    def output_tokens(self) -> int:
        """Everything that was generated: visible, reasoning and audio."""
        return self.output_visible + self.reasoning + self.audio_output


def most_input(texts: Iterable[str]) -> int:
    """Return the most tokens that these turns can have: no tokenizer makes more tokens of a text than it has bytes."""
    tokens = TEMPLATE_TOKENS
    for text in texts:
        tokens += TURN_TOKENS + (len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")))
    return tokens
