"""The receipt: one object, computed once, shown in the answer, its headers, Prometheus and the ledger (M-1)."""

from decimal import Decimal
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from metering.impact import Basis
from metering.usage import UsageSource

CallStatus = Literal["ok", "error", "timeout", "busy", "refused", "cut", "cancelled"]
RequestStatus = Literal["ok", "partial", "error", "client_gone", "unknown"]


class TokenSums(Struct, frozen=True):
    """Tokens read, generated, and both."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class UsageSums(TokenSums, frozen=True):
    """Tokens of a request, in both spellings (2.3.9)."""

    prompt_tokens: int
    completion_tokens: int


class Buckets(Struct, frozen=True):
    """Tokens of one call in disjoint buckets."""

    input_uncached: int
    cache_read: int
    cache_write: int
    output_visible: int
    reasoning: int
    audio_input: int
    audio_output: int


class CallRow(Struct, frozen=True, kw_only=True):
    """One upstream call, failed ones too (M-3b); the receipt is the sum of these rows.

    `busy_s` is the share of the machine's processor time, in seconds, where power is measured. `audio_s` is how much
    audio was heard, in seconds, `characters` how much text was spoken; null where neither was done.
    """

    model: str
    canonical: str
    provider: str
    upstream_s: float
    ttft_s: float | None
    status: CallStatus
    usage_source: UsageSource
    tokens: Buckets
    cost_eur: Decimal
    input_eur: Decimal
    output_eur: Decimal
    kg: Decimal | None = field(name="kgCO2eq")
    kg_min: Decimal | None = field(name="min")
    kg_max: Decimal | None = field(name="max")
    embodied_kg: Decimal | None = field(name="embodied_kgCO2eq")
    energy_kwh: Decimal | None = field(name="energy_kWh")
    water_liters: Decimal | None
    basis: Basis
    zone: str | None
    busy_s: float | None
    audio_s: Decimal | None = None
    characters: int | None = None


class CostRow(Struct, frozen=True):
    """Euros of one model."""

    input: Decimal
    output: Decimal
    total: Decimal


class Pricing(Struct, frozen=True):
    """Euros of the request."""

    currency: Literal["EUR"]
    total_cost: Decimal
    by_model: dict[str, CostRow]


class Range(Struct, frozen=True):
    """Lowest and highest estimate, in kgCO2eq."""

    min: Decimal
    max: Decimal


class EmissionRow(Struct, frozen=True, kw_only=True):
    """Footprint of one model in the request."""

    kg: Decimal | None = field(name="kgCO2eq")
    kg_min: Decimal | None = field(name="min")
    kg_max: Decimal | None = field(name="max")
    energy_kwh: Decimal | None = field(name="energy_kWh")
    water_liters: Decimal | None
    basis: Basis
    zone: str | None


class Equivalences(Struct, frozen=True):
    """The footprint retold: litres of water, kilometres by car and by TGV, charges of a telephone."""

    water_liters: Decimal | None
    car_km: Decimal | None
    tgv_km: Decimal | None
    smartphone_charges: Decimal | None


class Rate(Struct, frozen=True):
    """An exchange rate that was used: units for one euro, and its day (YYYY-MM-DD)."""

    rate: Decimal
    date: str


class Receipt(Struct, frozen=True, kw_only=True):
    """Everything one request consumed, and how each figure came to be."""

    usage: UsageSums
    usage_by_model: dict[str, TokenSums]
    latency_s: float
    emissions_kg: Decimal | None = field(name="emissions_kgCO2eq")
    emissions_g: Decimal | None = field(name="emissions_gCO2eq")
    pricing: Pricing
    equivalences: Equivalences
    emissions_range: Range | None = field(name="emissions_range_kgCO2eq")
    energy_kwh: Decimal | None = field(name="energy_kWh")
    embodied_kg: Decimal | None = field(name="embodied_kgCO2eq")
    emissions_by_model: dict[str, EmissionRow]
    method: str
    exchange: dict[str, Rate] | UnsetType = UNSET
    usage_source: UsageSource
    attempts: int
    resolved_model: str
    ttft_s: float | None
    overhead_s: float
    warnings: tuple[str, ...]
    request_id: str
    calls: tuple[CallRow, ...]
