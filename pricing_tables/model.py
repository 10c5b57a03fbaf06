"""The words of the catalogue: a model, its dated prices and its carbon basis."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

Currency = Literal["EUR", "USD"]
Tokenizer = Literal["o200k_base", "cl100k_base", "tekken"]
Kind = Literal["chat", "embeddings", "transcription", "speech"]
ONE_MILLION = Decimal(1_000_000)
LONGEST_PART_S = 600  # as 16 kHz WAV 19.2 MB, below the 25 MB that vendors take

# What the encoder of Whisper makes of a second before any pooling, 1500 positions of 30 s: Radford et al., Robust
# Speech Recognition via Large-Scale Weak Supervision, 2022, section 2.2. Documented rates are lower: OpenAI 10 heard,
# 20 spoken (guides/realtime-costs), Voxtral 12.5.
MOST_AUDIO_TOKENS_S = 50


class Tier(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rates of a whole request once its input passes a threshold: a cliff, not a slice.

    Cached input that has no price here, nor a factor in the row, costs as much as any.
    """

    input_tokens_above: int
    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None

    def __post_init__(self) -> None:
        _check_amounts((self.input, self.output, self.cached_input))
        if self.input_tokens_above < 1:
            raise ValueError("a tier starts above 1 token or more")


class Price(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One dated row: what a model costs from `effective_from` on, per million tokens; rows are never edited.

    `cached_input` is a price, `cached_input_factor` a factor of `input`; at most one is given, none means that
    cached input costs as much as any. `audio_minute` prices audio input by its duration, `characters` a text that is
    spoken, per million of them. Audio tokens cost `audio_input` and `audio_output`, or as much as any where not given.
    """

    effective_from: date
    currency: Currency
    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cached_input_factor: Decimal | None = None
    cache_write: Decimal | None = None
    audio_minute: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    characters: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    source: str
    retrieved: date

    def __post_init__(self) -> None:
        _check_amounts(
            (
                self.input,
                self.output,
                self.cached_input,
                self.cached_input_factor,
                self.cache_write,
                self.audio_minute,
                self.audio_input,
                self.audio_output,
                self.characters,
            )
        )
        if self.cached_input is not None and self.cached_input_factor is not None:
            raise ValueError("cached_input and cached_input_factor exclude each other")
        thresholds = [tier.input_tokens_above for tier in self.tiers]
        if thresholds != sorted(set(thresholds)):
            raise ValueError("tiers are listed by rising threshold, each once")


class ByName(Struct, frozen=True, tag="ecologits"):
    """Carbon by an EcoLogits record: its provider and model names."""

    provider: str
    name: str


class ByParameters(Struct, frozen=True, tag="parameters", kw_only=True):
    """Carbon by architecture, in billions of parameters, as EcoLogits computes an open model."""

    active_params_b: float
    total_params_b: float


class ByPower(Struct, frozen=True, tag="measured_power"):
    """Carbon by measured time: watts at full load of the machine that answers."""

    watts: float


class CarbonUnknown(Struct, frozen=True, tag="unknown"):
    """Carbon stated as unknown: its figures are null, with a warning."""


Carbon = ByName | ByParameters | ByPower | CarbonUnknown


class Model(Struct, frozen=True, kw_only=True):
    """One catalogued model: who serves it, what it costs, what its carbon rests on.

    `canonical` is the one id used for price and carbon alike, whatever name was asked or echoed.
    `stated` says that an operator's row of router.toml names its tokenizer, which may be only near its own.
    `zone` is an ISO alpha-3 electricity mix, None for the basis's own default; `pue` likewise.
    `max_audio_s` is the longest audio that one call may have; longer ones are cut into parts. `audio_tokens_s` is the
    most tokens that a second of sound is, heard or spoken; 0 where the price rests on seconds or characters alone.
    `max_output_tokens` is the longest transcript of one call, None where its context window alone limits it.
    """

    name: str
    provider: str
    upstream: str
    canonical: str
    context_window: int
    description: str
    prices: tuple[Price, ...]
    carbon: Carbon
    aliases: tuple[str, ...] = ()
    tokenizer: Tokenizer = "o200k_base"
    zone: str | None = None
    pue: float | None = None
    embedded: bool = False
    kind: Kind = "chat"
    stated: bool = False
    max_audio_s: int | None = None
    audio_tokens_s: int = MOST_AUDIO_TOKENS_S
    max_output_tokens: int | None = None

    def __hash__(self) -> int:
        return hash(self.name)


def audio_tokens_of(prices: Iterable[Price], stated: int | None) -> int:
    """Return the most tokens that a second of sound is: what is stated, else none where no token costs anything."""
    if stated is not None:
        return stated
    costly = any(
        price.input or price.output or price.audio_input or price.audio_output or price.tiers for price in prices
    )
    return MOST_AUDIO_TOKENS_S if costly else 0


def _check_amounts(amounts: Iterable[Decimal | None]) -> None:
    if any(amount is not None and not (amount.is_finite() and amount >= 0) for amount in amounts):
        raise ValueError("a price is a finite number, 0 or more")
