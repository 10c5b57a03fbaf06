"""Reads the tables beside it: models with their dated prices, and exchange rates."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from pricing_tables.catalogue import Catalogue
from pricing_tables.errors import TableMalformed
from pricing_tables.exchange import RateRow, Rates
from pricing_tables.model import (
    ByPower,
    Carbon,
    CarbonUnknown,
    Kind,
    Model,
    Price,
    Tokenizer,
    audio_tokens_of,
)
from pricing_tables.rows import record_named

TABLES = Path(__file__).parent
VENDORS = ("openai.toml", "mistral.toml", "local.toml")

T = TypeVar("T")


class BuiltinRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model of a vendor's table: exactly one of `ecologits` and `carbon` is given."""

    name: str
    canonical: str
    context_window: int
    description: str
    tokenizer: Tokenizer
    price: tuple[Price, ...]
    aliases: tuple[str, ...] = ()
    ecologits: str | None = None
    carbon: Literal["measured_power", "unknown"] | None = None
    kind: Kind = "chat"
    max_audio_s: int | None = None
    audio_tokens_s: Annotated[int, Meta(ge=1)] | None = None
    max_output_tokens: int | None = None

    def __post_init__(self) -> None:
        if (self.ecologits is None) == (self.carbon is None):
            raise ValueError(f"model {self.name!r} states one carbon basis: ecologits or carbon")
        days = [price.effective_from for price in self.price]
        if not days or days != sorted(set(days)):
            raise ValueError(f"model {self.name!r} has price rows, oldest first, no two of one day")
        if (self.kind == "transcription") != (self.max_audio_s is not None):
            raise ValueError(f"model {self.name!r}: a transcription, and nothing else, has a longest audio")


class VendorTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A vendor's table; `zone` and `pue` are given where EcoLogits has no default of the provider."""

    provider: str
    model: tuple[BuiltinRow, ...]
    zone: str | None = None
    pue: float | None = None
    embedded: bool = False


class RateTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The table of exchange rates."""

    rate: tuple[RateRow, ...]


def read_toml(path: Path, shape: type[T]) -> T:
    """Decode a TOML file into `shape`, decimals exact.

    Raises:
        TableMalformed: It is not TOML in UTF-8, or does not fit the shape; the message names the file and the place.

    """
    try:
        with path.open("rb") as file:
            raw = tomllib.load(file, parse_float=Decimal)
        return msgspec.convert(raw, shape)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as cause:
        raise TableMalformed(f"{path.name}: {cause}") from cause


def load_builtin(*, local_watts: float) -> tuple[Model, ...]:
    """Return the built-in models in listing order.

    Args:
        local_watts: Power at full load of the gateway's own machine, in watts; the embedded models' carbon basis.

    """
    tables = [read_toml(TABLES / name, VendorTable) for name in VENDORS]
    return tuple(_model(table, row, local_watts) for table in tables for row in table.model)


def load_catalogue(*, local_watts: float) -> Catalogue:
    """Return the catalogue of the built-in models; `local_watts` as in `load_builtin`."""
    return Catalogue(load_builtin(local_watts=local_watts))


def load_rates() -> Rates:
    """Return every exchange rate in the table."""
    return Rates(read_toml(TABLES / "exchange_rates.toml", RateTable).rate)


def _model(table: VendorTable, row: BuiltinRow, local_watts: float) -> Model:
    return Model(
        name=row.name,
        provider=table.provider,
        upstream=row.name,
        canonical=row.canonical,
        context_window=row.context_window,
        description=row.description,
        prices=row.price,
        carbon=_carbon(row, local_watts),
        aliases=row.aliases,
        tokenizer=row.tokenizer,
        zone=table.zone,
        pue=table.pue,
        embedded=table.embedded,
        kind=row.kind,
        max_audio_s=row.max_audio_s,
        audio_tokens_s=audio_tokens_of(row.price, row.audio_tokens_s),
        max_output_tokens=row.max_output_tokens,
    )


def _carbon(row: BuiltinRow, local_watts: float) -> Carbon:
    if row.ecologits is not None:
        return record_named(row.ecologits)
    return CarbonUnknown() if row.carbon == "unknown" else ByPower(local_watts)
