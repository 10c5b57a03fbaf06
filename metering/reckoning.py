"""From calls to a receipt: each call priced and weighed once, then summed (M-3b, M-4, M-9)."""

import functools
import operator
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from metering.call import Call, busy_seconds
from metering.cost import Cost, Exchange, Tariff
from metering.equivalences import equivalences
from metering.impact import METHOD, Impact, ImpactOf
from metering.receipt import (
    Buckets,
    CallRow,
    CostRow,
    EmissionRow,
    Pricing,
    Range,
    Rate,
    Receipt,
    TokenSums,
    UsageSums,
)
from metering.usage import Usage

NOTHING = Usage()
ZERO = Decimal(0)
A_THOUSAND = Decimal(1000)


class Scale(Struct, frozen=True):
    """What weighs the calls of one model: its tariff and its impact."""

    tariff: Tariff
    impact: ImpactOf


class Weighed(Struct, frozen=True):
    """A call with everything known of it."""

    row: CallRow
    exchange: Exchange | None
    warnings: tuple[str, ...]


class Circumstances(Struct, frozen=True, kw_only=True):
    """What a receipt says beside its calls; times in seconds."""

    request_id: str
    resolved_model: str
    latency_s: float
    ttft_s: float | None
    warnings: tuple[str, ...] = ()


def weigh(call: Call, scale: Scale, day: date) -> Weighed:
    """Price and weigh one call.

    Args:
        call: Ended, with its usage counted or estimated.
        scale: Of the call's model.
        day: Whose price row and exchange rate hold, UTC.

    """
    usage = call.usage or NOTHING
    cost = scale.tariff.cost(usage, day)
    upstream_s = call.upstream_s if call.accepted else 0.0
    # Nobody keeps a whole machine busy for longer than he is at work.
    busy_s = None if usage.busy_s is None else min(usage.busy_s, upstream_s)
    impact = scale.impact.impact(usage.output_tokens, upstream_s, busy_s)
    return Weighed(_row(call, usage, cost, impact), cost.exchange, impact.warnings)


def _row(call: Call, usage: Usage, cost: Cost, impact: Impact) -> CallRow:
    ttft_s = call.ttft_s
    return CallRow(
        model=call.model.name,
        canonical=call.model.canonical,
        provider=call.model.provider,
        upstream_s=call.upstream_s,
        ttft_s=ttft_s,
        status=call.status,
        usage_source=usage.source,
        tokens=Buckets(
            usage.input_uncached,
            usage.cache_read,
            usage.cache_write,
            usage.output_visible,
            usage.reasoning,
            usage.audio_input,
            usage.audio_output,
        ),
        cost_eur=plain(cost.total),
        input_eur=plain(cost.input),
        output_eur=plain(cost.output),
        kg=exact(impact.kg),
        kg_min=exact(impact.kg_min),
        kg_max=exact(impact.kg_max),
        embodied_kg=exact(impact.embodied_kg),
        energy_kwh=exact(impact.energy_kwh),
        water_liters=exact(impact.water_l),
        basis=impact.basis,
        zone=impact.zone,
        busy_s=usage.busy_s,
        audio_s=usage.audio_s,
        characters=usage.characters,
    )


def exact(figure: float | None) -> Decimal | None:
    """Return the figure as the decimal that is printed for it, so that sums of printed figures hold to the digit."""
    if figure is None:
        return None
    return Decimal(repr(figure)) if figure else ZERO


def plain(amount: Decimal) -> Decimal:
    """Return the amount without the zeros that its quantum leaves at its end."""
    return amount.normalize() if amount else ZERO


class Sums(Struct, frozen=True):
    """Figures of one call or of several; an unknown part makes a sum unknown."""

    read: int
    generated: int
    input_eur: Decimal
    output_eur: Decimal
    kg: Decimal | None
    kg_min: Decimal | None
    kg_max: Decimal | None
    embodied_kg: Decimal | None
    energy_kwh: Decimal | None
    water_l: Decimal | None

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.read + other.read,
            self.generated + other.generated,
            self.input_eur + other.input_eur,
            self.output_eur + other.output_eur,
            _plus(self.kg, other.kg),
            _plus(self.kg_min, other.kg_min),
            _plus(self.kg_max, other.kg_max),
            _plus(self.embodied_kg, other.embodied_kg),
            _plus(self.energy_kwh, other.energy_kwh),
            _plus(self.water_l, other.water_l),
        )

    @property
    def tokens(self) -> TokenSums:
        """Tokens read, generated, and both."""
        return TokenSums(self.read, self.generated, self.read + self.generated)

    @property
    def cost(self) -> CostRow:
        """Euros for what was read, for what was generated, and both."""
        return CostRow(self.input_eur, self.output_eur, self.input_eur + self.output_eur)


NO_CALLS = Sums(0, 0, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _sums(row: CallRow) -> Sums:
    tokens = row.tokens
    return Sums(
        tokens.input_uncached + tokens.cache_read + tokens.cache_write + tokens.audio_input,
        tokens.output_visible + tokens.reasoning + tokens.audio_output,
        row.input_eur,
        row.output_eur,
        row.kg,
        row.kg_min,
        row.kg_max,
        row.embodied_kg,
        row.energy_kwh,
        row.water_liters,
    )


def receipt_of(weighed: Sequence[Weighed], calls: Sequence[Call], told: Circumstances) -> Receipt:
    """Sum the calls of a request into its receipt (M-9)."""
    by_model: dict[str, Sums] = {}
    basis: dict[str, CallRow] = {}
    for each in weighed:
        name = each.row.model
        known = by_model.get(name)
        by_model[name] = _sums(each.row) if known is None else known + _sums(each.row)
        basis.setdefault(name, each.row)
    total = functools.reduce(operator.add, by_model.values()) if by_model else NO_CALLS
    kg = total.kg
    return Receipt(
        usage=UsageSums(total.read, total.generated, total.read + total.generated, total.read, total.generated),
        usage_by_model={name: sums.tokens for name, sums in by_model.items()},
        latency_s=told.latency_s,
        emissions_kg=kg,
        emissions_g=None if kg is None else plain(kg * A_THOUSAND),
        pricing=Pricing("EUR", total.cost.total, {name: sums.cost for name, sums in by_model.items()}),
        equivalences=equivalences(kg, total.water_l),
        emissions_range=None if total.kg_min is None or total.kg_max is None else Range(total.kg_min, total.kg_max),
        energy_kwh=total.energy_kwh,
        embodied_kg=total.embodied_kg,
        emissions_by_model={name: _emission_row(sums, basis[name]) for name, sums in by_model.items()},
        method=METHOD,
        exchange=_exchange(weighed),
        usage_source="estimated" if any(each.row.usage_source == "estimated" for each in weighed) else "provider",
        attempts=len(weighed),
        resolved_model=told.resolved_model,
        ttft_s=told.ttft_s,
        overhead_s=round(max(0.0, told.latency_s - busy_seconds(calls)), 6),
        warnings=_warnings(told.warnings, weighed),
        request_id=told.request_id,
        calls=tuple([each.row for each in weighed]),
    )


def _emission_row(sums: Sums, call: CallRow) -> EmissionRow:
    return EmissionRow(
        kg=sums.kg,
        kg_min=sums.kg_min,
        kg_max=sums.kg_max,
        energy_kwh=sums.energy_kwh,
        water_liters=sums.water_l,
        basis=call.basis,
        zone=call.zone,
    )


def _exchange(weighed: Sequence[Weighed]) -> dict[str, Rate] | UnsetType:
    used = {each.exchange.currency: each.exchange for each in weighed if each.exchange is not None}
    if not used:
        return UNSET
    return {currency: Rate(exchange.rate, exchange.date.isoformat()) for currency, exchange in used.items()}


def _warnings(told: tuple[str, ...], weighed: Sequence[Weighed]) -> tuple[str, ...]:
    if len(weighed) == 1:
        return told + weighed[0].warnings
    return tuple(dict.fromkeys([*told, *(code for each in weighed for code in each.warnings)]))
