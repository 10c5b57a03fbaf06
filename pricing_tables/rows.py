"""Rows of router.toml: what an operator writes about a model, turned into a catalogued one."""

from datetime import date
from decimal import Decimal
from math import inf
from typing import Annotated, Literal

from msgspec import Meta, Struct

from pricing_tables.catalogue import Catalogue
from pricing_tables.errors import CarbonAmbiguous, CarbonMissing, PriceAmbiguous, PriceMissing
from pricing_tables.model import (
    LONGEST_PART_S,
    ByName,
    ByParameters,
    ByPower,
    Carbon,
    CarbonUnknown,
    Currency,
    Kind,
    Model,
    Price,
    Tokenizer,
    audio_tokens_of,
)

NO_PRICE = Decimal(0)
ASSUMED_WINDOW = 32_768  # tokens, for a row that does not say


class PriceRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price per million tokens, in force since ever; `audio_minute` is per minute of audio read.

    `characters` is per million of them. A row with either may leave out `input` and `output`: they are then 0.
    """

    currency: Currency
    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    audio_minute: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    characters: Decimal | None = None


class CarbonRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A carbon basis: both parameter counts, in billions, or the machine's watts at full load."""

    active_params_b: float | None = None
    total_params_b: float | None = None
    watts: float | None = None


class ModelRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[model]]` table (C-4); `upstream` defaults to the name, `ecologits` is "provider/record"."""

    name: str
    provider: str
    aliases: tuple[str, ...] = ()
    upstream: str | None = None
    context_window: Annotated[int, Meta(ge=1)] = ASSUMED_WINDOW
    description: str = ""
    tokenizer: Tokenizer = "o200k_base"
    price_of: str | None = None
    price: PriceRow | None = None
    ecologits: str | None = None
    carbon: CarbonRow | Literal["unknown"] | None = None
    kind: Kind = "chat"
    max_audio_s: Annotated[int, Meta(ge=10, le=LONGEST_PART_S)] | None = None
    audio_tokens_s: Annotated[int, Meta(ge=1, le=1000)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None


def model_from_row(row: ModelRow, provider_zone: str | None, provider_pue: float | None, catalogue: Catalogue) -> Model:
    """Turn a row into a model whose zone and PUE are its provider's.

    Raises:
        PriceMissing: The row has no price.
        PriceAmbiguous: It has two, one that is negative, or the price of a model that is not in `catalogue`.
        CarbonMissing: It states no carbon basis.
        CarbonAmbiguous: It states two, or one in part.

    """
    upstream = row.upstream or row.name
    prices = _prices(row, catalogue)
    return Model(
        name=row.name,
        provider=row.provider,
        upstream=upstream,
        canonical=f"{row.provider}/{upstream}",
        context_window=row.context_window,
        description=row.description,
        prices=prices,
        carbon=_carbon(row),
        aliases=row.aliases,
        tokenizer=row.tokenizer,
        zone=provider_zone,
        pue=provider_pue,
        kind=row.kind,
        stated=True,
        max_audio_s=(row.max_audio_s or LONGEST_PART_S) if row.kind == "transcription" else None,
        audio_tokens_s=audio_tokens_of(prices, row.audio_tokens_s),
        max_output_tokens=row.max_output_tokens,
    )


def record_named(ecologits: str) -> ByName:
    """Read "provider/record"; a record may hold slashes of its own.

    Raises:
        ValueError: There is no slash, or nothing on one side of it.

    """
    provider, _, name = ecologits.partition("/")
    if not provider or not name:
        raise ValueError(f'ecologits is written "provider/record", not {ecologits!r}')
    return ByName(provider, name)


def _prices(row: ModelRow, catalogue: Catalogue) -> tuple[Price, ...]:
    if row.price is not None and row.price_of is not None:
        raise PriceAmbiguous(f"model {row.name!r} has both price_of and a [model.price] table: keep one")
    if row.price is not None:
        return (_stated(row, row.price),)
    if row.price_of is None:
        raise PriceMissing(f"model {row.name!r} has no price: give price_of, or a [model.price] table")
    priced = catalogue.find(row.price_of)
    if priced is None:
        raise PriceAmbiguous(f"model {row.name!r} has the price of {row.price_of!r}, which is not catalogued")
    return priced.prices


def _stated(row: ModelRow, price: PriceRow) -> Price:
    otherwise = _priced_otherwise(row, price)
    if not otherwise and (price.input is None or price.output is None):
        raise PriceMissing(
            f"model {row.name!r}: [model.price] has no input or no output; both may be left out by a transcription "
            "with audio_minute and a speech with characters alone"
        )
    try:
        return Price(
            effective_from=date.min,
            currency=price.currency,
            input=price.input or NO_PRICE,
            output=price.output or NO_PRICE,
            cached_input=price.cached_input,
            audio_minute=price.audio_minute,
            audio_input=price.audio_input,
            audio_output=price.audio_output,
            characters=price.characters,
            source="router.toml",
            retrieved=date.min,
        )
    except ValueError as cause:
        raise PriceAmbiguous(f"model {row.name!r}: {cause}") from cause


def _priced_otherwise(row: ModelRow, price: PriceRow) -> bool:
    """Tell whether the row states a price by the measure of its kind, beside which tokens may cost nothing."""
    if row.kind == "transcription":
        return price.audio_minute is not None
    return row.kind == "speech" and price.characters is not None


def _carbon(row: ModelRow) -> Carbon:
    if row.ecologits is not None and row.carbon is not None:
        raise CarbonAmbiguous(f"model {row.name!r} has both ecologits and carbon: keep one")
    if row.ecologits is not None:
        try:
            return record_named(row.ecologits)
        except ValueError as cause:
            raise CarbonAmbiguous(f"model {row.name!r}: {cause}") from cause
    if row.carbon is None:
        raise CarbonMissing(
            f"model {row.name!r} states no carbon basis: give ecologits, a [model.carbon] table "
            'with active_params_b and total_params_b, or watts, or say carbon = "unknown"'
        )
    return CarbonUnknown() if row.carbon == "unknown" else _measured_or_sized(row.name, row.carbon)


def _measured_or_sized(name: str, carbon: CarbonRow) -> Carbon:
    match carbon:
        case CarbonRow(active_params_b=None, total_params_b=None, watts=float(watts)) if 0 < watts < inf:
            return ByPower(watts)
        case CarbonRow(active_params_b=float(active), total_params_b=float(total), watts=None) if (
            0 < active <= total < inf
        ):
            return ByParameters(active_params_b=active, total_params_b=total)
        case _:
            raise CarbonAmbiguous(
                f"model {name!r}: [model.carbon] takes either watts, or active_params_b and total_params_b "
                "with active at most total, all above 0"
            )
