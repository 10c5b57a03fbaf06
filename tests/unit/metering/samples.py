"""Admissions and entries for the tests of the ledger."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import UNSET

from metering.ledger import Admission, Entry
from metering.receipt import (
    Buckets,
    CallRow,
    Equivalences,
    Pricing,
    Range,
    Rate,
    Receipt,
    TokenSums,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

CALL = CallRow(
    model="gpt-4o",
    canonical="openai/gpt-4o",
    provider="openai",
    upstream_s=0.5,
    ttft_s=None,
    status="ok",
    usage_source="provider",
    tokens=Buckets(12, 1, 2, 30, 3, 4, 5),
    cost_eur=Decimal("0.000012345678901234"),
    input_eur=Decimal("0.000002345678901234"),
    output_eur=Decimal("0.00001"),
    kg=Decimal("1.2345678901234E-7"),
    kg_min=Decimal("1E-7"),
    kg_max=Decimal("2E-7"),
    embodied_kg=None,
    energy_kwh=Decimal("0.00011"),
    water_liters=None,
    basis="ecologits",
    zone="USA",
    busy_s=None,
)


def admission(request_id: str, project_id: str = "proj-default", model: str = "gpt-4o") -> Admission:
    return Admission(
        request_id=request_id,
        opened_at=NOON,
        route="/completion",
        agent="V2",
        model=model,
        project_id=project_id,
        subject="user",
        key_id="key_1",
    )


def receipt(request_id: str, cost: Decimal, kg: Decimal | None, calls: tuple[CallRow, ...]) -> Receipt:
    return Receipt(
        usage=TokenSums(19, 38, 57),
        usage_by_model={},
        latency_s=0.6,
        emissions_kg=kg,
        emissions_g=None if kg is None else kg * 1000,
        pricing=Pricing("EUR", cost, {}),
        equivalences=Equivalences(Decimal("0.0001"), None, None, None),
        emissions_range=None if kg is None else Range(kg, kg),
        energy_kwh=Decimal("0.00011"),
        embodied_kg=None,
        emissions_by_model={},
        method="ecologits==0.11.3",
        exchange={"USD": Rate(Decimal("1.1603"), "2026-11-20")} if calls else UNSET,
        usage_source="provider",
        attempts=len(calls),
        resolved_model="gpt-4o",
        ttft_s=None,
        overhead_s=0.001,
        warnings=() if kg is not None else ("model-not-registered",),
        request_id=request_id,
        calls=calls,
    )


def entry(
    request_id: str,
    *,
    project_id: str = "proj-default",
    model: str = "gpt-4o",
    minutes: int = 0,
    cost: Decimal = CALL.cost_eur,
    kg: Decimal | None = CALL.kg,
    calls: int = 1,
) -> Entry:
    return Entry(
        admission=admission(request_id, project_id, model),
        settled_at=NOON + timedelta(minutes=minutes),
        status="ok",
        stream=True,
        receipt=receipt(request_id, cost, kg, (CALL,) * calls),
    )
