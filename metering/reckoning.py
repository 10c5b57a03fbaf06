"""From calls to a receipt: each call priced and weighed once, then summed (M-3b, M-4, M-9)."""

from collections.abc import Iterable, Sequence
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
    impact = scale.impact.impact(usage.output_tokens, upstream_s, usage.busy_s)
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
    )


def exact(figure: float | None) -> Decimal | None:
    """Return the figure as the decimal that is printed for it, so that sums of printed figures hold to the digit."""
    if figure is None:
        return None
    return Decimal(repr(figure)) if figure else ZERO


def plain(amount: Decimal) -> Decimal:
    """Return the amount without the zeros that its quantum leaves at its end."""
    return amount.normalize() if amount else ZERO


def receipt_of(weighed: Sequence[Weighed], calls: Sequence[Call], told: Circumstances) -> Receipt:
    """Sum the calls of a request into its receipt; a sum with an unknown part is unknown."""
    rows = [each.row for each in weighed]
    by_model: dict[str, list[CallRow]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row)
    tokens = {name: _token_sums(group) for name, group in by_model.items()}
    kg = _sum(row.kg for row in rows)
    kg_min = _sum(row.kg_min for row in rows)
    kg_max = _sum(row.kg_max for row in rows)
    water = _sum(row.water_liters for row in rows)
    return Receipt(
        usage=_total(tokens),
        usage_by_model=tokens,
        latency_s=told.latency_s,
        emissions_kg=kg,
        emissions_g=None if kg is None else plain(kg * A_THOUSAND),
        pricing=_pricing(by_model),
        equivalences=equivalences(kg, water),
        emissions_range=None if kg_min is None or kg_max is None else Range(kg_min, kg_max),
        energy_kwh=_sum(row.energy_kwh for row in rows),
        embodied_kg=_sum(row.embodied_kg for row in rows),
        emissions_by_model={name: _emission_row(group) for name, group in by_model.items()},
        method=METHOD,
        exchange=_exchange(weighed),
        usage_source="estimated" if any(row.usage_source == "estimated" for row in rows) else "provider",
        attempts=len(rows),
        resolved_model=told.resolved_model,
        ttft_s=told.ttft_s,
        overhead_s=max(0.0, told.latency_s - busy_seconds(calls)),
        warnings=_warnings(told.warnings, weighed),
        request_id=told.request_id,
        calls=tuple(rows),
    )


def _sum(figures: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for figure in figures:
        if figure is None:
            return None
        total += figure
    return total


def _token_sums(rows: Sequence[CallRow]) -> TokenSums:
    read = generated = 0
    for row in rows:
        tokens = row.tokens
        read += tokens.input_uncached + tokens.cache_read + tokens.cache_write + tokens.audio_input
        generated += tokens.output_visible + tokens.reasoning + tokens.audio_output
    return TokenSums(read, generated, read + generated)


def _total(by_model: dict[str, TokenSums]) -> TokenSums:
    if len(by_model) == 1:
        return next(iter(by_model.values()))
    read = sum(sums.input_tokens for sums in by_model.values())
    generated = sum(sums.output_tokens for sums in by_model.values())
    return TokenSums(read, generated, read + generated)


def _pricing(by_model: dict[str, list[CallRow]]) -> Pricing:
    costs: dict[str, CostRow] = {}
    total = ZERO
    for name, rows in by_model.items():
        read = sum((row.input_eur for row in rows), ZERO)
        generated = sum((row.output_eur for row in rows), ZERO)
        costs[name] = CostRow(read, generated, read + generated)
        total += read + generated
    return Pricing("EUR", total, costs)


def _emission_row(rows: Sequence[CallRow]) -> EmissionRow:
    return EmissionRow(
        kg=_sum(row.kg for row in rows),
        kg_min=_sum(row.kg_min for row in rows),
        kg_max=_sum(row.kg_max for row in rows),
        energy_kwh=_sum(row.energy_kwh for row in rows),
        water_liters=_sum(row.water_liters for row in rows),
        basis=rows[0].basis,
        zone=rows[0].zone,
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
