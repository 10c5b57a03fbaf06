"""The most that a call can consume, known before it is made: what budgets reserve (6.6)."""

from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import inf

from msgspec import Struct

from metering.audio import most_heard, most_spoken, most_written
from metering.hours import EXACT
from metering.impact import ImpactOf
from metering.reckoning import A_THOUSAND, ZERO, Scale


class Size(Struct, frozen=True):
    """How large a call of a model may be: the most tokens that it reads, and that it may generate.

    Of a transcription also the seconds of its audio, of a speech the characters of its text.
    """

    model: str
    input_tokens: int
    output_tokens: int
    audio_s: Decimal = ZERO
    characters: int = 0

    def within(self, other: "Size") -> bool:
        """Whether whatever covers the other covers this."""
        return (
            self.model == other.model
            and self.input_tokens <= other.input_tokens
            and self.output_tokens <= other.output_tokens
            and self.audio_s <= other.audio_s
            and self.characters <= other.characters
        )


class Bound(Struct, frozen=True):
    """Upper bounds of what a call, or several, will consume: EUR, grams of CO2e (None when unknown), tokens."""

    eur: Decimal
    grams: Decimal | None
    tokens: int

    def beyond(self, pool: "Bound") -> "Bound":
        """Return what this bound has over a pool, 0 where the pool has more.

        Grams that are unknown here stay unknown. A pool of unknown grams was let in where nobody counts grams.
        """
        if pool.grams is None:
            grams = ZERO
        else:
            grams = None if self.grams is None else max(ZERO, EXACT.subtract(self.grams, pool.grams))
        return Bound(max(ZERO, EXACT.subtract(self.eur, pool.eur)), grams, max(0, self.tokens - pool.tokens))

    def and_also(self, other: "Bound") -> "Bound":
        """Return the sum of both; of grams that are unknown in one, unknown."""
        grams = None if self.grams is None or other.grams is None else EXACT.add(self.grams, other.grams)
        return Bound(EXACT.add(self.eur, other.eur), grams, self.tokens + other.tokens)


NO_BOUND = Bound(ZERO, ZERO, 0)


def bound_of(scale: Scale, size: Size, day: date, longest_s: float) -> Bound:
    """Return the most that one call can consume.

    Args:
        scale: Of the call's model.
        size: Of the call.
        day: Whose prices it is charged at, UTC.
        longest_s: After how many seconds it is given up.

    """
    read, generated = size.input_tokens, size.output_tokens
    kind = scale.tariff.model.kind
    if kind == "transcription":
        read += most_heard(scale.tariff.model, size.audio_s)
        generated = max(generated, most_written(scale.tariff.model))
    elif kind == "speech":
        generated += most_spoken(scale.tariff.model, size.characters)
    grams = most_grams(scale.impact, generated, longest_s)
    eur = scale.tariff.most(read, generated, day, audio_s=size.audio_s, characters=size.characters)
    return Bound(eur, grams, read + generated)


# Requests ask for the same few lengths of an answer.
@lru_cache(maxsize=4096)
def most_grams(impact: ImpactOf, output_tokens: int, longest_s: float) -> Decimal | None:
    """Return the most that a call of so many tokens and seconds can emit, in grams; None when unknown."""
    # Without a measured time the formula is the unclamped one; where power is measured, only time says how much it was.
    kg = impact.impact(output_tokens, inf, None).kg
    if kg is None:
        kg = impact.impact(output_tokens, longest_s, None).kg
    return None if kg is None else Decimal(repr(kg)) * A_THOUSAND
