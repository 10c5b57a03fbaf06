"""Requests and questions drawn at random, for the tests of reports."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st
from msgspec import UNSET, structs

from metering.ledger import Entry
from metering.question import CARBON, EVER, FOREVER, SECONDS_HEARD, SPLIT_EURO, Question
from metering.receipt import CallRow, Rate
from tests.unit.metering.samples import CALL, NOON, entry

COLUMNS = ("project_id", "key_id", "subject", "model", "resolved_model", "method", "basis", "zone", "exchange")
AMOUNTS = SPLIT_EURO + CARBON + SECONDS_HEARD
MODELS = ("gpt-4o", "mistral-large-latest")
SPAN_MINUTES = 3 * 24 * 60

EUROS = st.decimals(min_value=0, max_value=10**9, places=18)
KILOGRAMS = st.none() | st.floats(min_value=0, max_value=1e9).map(lambda kg: Decimal(repr(kg)))
CALLS = st.builds(
    lambda model, basis, zone, read, made, kg, heard, spoken: structs.replace(
        CALL,
        model=model,
        basis=basis,
        zone=zone,
        input_eur=read,
        output_eur=made,
        kg=kg,
        cost_eur=read + made,
        audio_s=heard,
        characters=spoken,
    ),
    st.sampled_from(MODELS),
    st.sampled_from(["ecologits", "parameters", "unknown"]),
    st.sampled_from([None, "FRA", "USA"]),
    *(EUROS, EUROS, KILOGRAMS),
    st.none() | st.integers(0, 16_000 * 14_400).map(lambda frames: Decimal(frames) / 16_000),
    st.none() | st.integers(0, 100_000),
)
# On the hour, a microsecond beside it, and anywhere.
MOMENTS = st.builds(
    lambda minutes, micros: NOON + timedelta(minutes=minutes, microseconds=micros),
    st.just(0) | st.integers(0, SPAN_MINUTES) | st.integers(0, SPAN_MINUTES // 60).map(lambda hour: 60 * hour),
    st.sampled_from([0, 0, 1, -1, 59_999_999]),
)


@st.composite
def requests(draw: st.DrawFn) -> Entry:
    """Draw any entry, or one of those that differ in figures and times alone."""
    if draw(st.booleans()):
        alike = entry("", project_id="proj-a", cost=draw(EUROS), kg=draw(KILOGRAMS))
        return structs.replace(alike, admission=structs.replace(alike.admission, opened_at=draw(MOMENTS)))
    calls: tuple[CallRow, ...] = tuple(draw(st.lists(CALLS, max_size=3)))
    plain = entry("", project_id=draw(st.sampled_from(["proj-a", "proj-b"])), model=draw(st.sampled_from(MODELS)))
    admitted = structs.replace(
        plain.admission,
        opened_at=draw(MOMENTS),
        subject=draw(st.sampled_from(["ann", "bob"])),
        key_id=draw(st.sampled_from([None, "key_1", "key_2"])),
    )
    receipt = structs.replace(
        plain.receipt,
        calls=calls,
        emissions_kg=draw(KILOGRAMS),
        emissions_range=draw(st.sampled_from([None, plain.receipt.emissions_range])),
        energy_kwh=draw(KILOGRAMS),
        embodied_kg=draw(KILOGRAMS),
        exchange=draw(st.sampled_from([UNSET, {"USD": Rate(Decimal("1.1603"), "2026-11-20")}])),
        method=draw(st.sampled_from(["ecologits==0.11.3", "ecologits==0.12.0"])),
        resolved_model=draw(st.sampled_from(MODELS)),
        pricing=structs.replace(plain.receipt.pricing, total_cost=draw(EUROS)),
    )
    status = draw(st.sampled_from(["ok", "partial", "error", "client_gone"]))
    return structs.replace(plain, admission=admitted, receipt=receipt, status=status)


def some(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.lists(st.sampled_from(names), max_size=2).map(tuple)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    start, end = sorted([draw(MOMENTS), draw(MOMENTS)])
    return Question(
        start=draw(st.sampled_from([start, EVER])),
        end=draw(st.sampled_from([end, FOREVER])),
        width=draw(st.sampled_from([None, "1m", "1h", "1d"])),
        by=tuple(draw(st.lists(st.sampled_from(COLUMNS), unique=True, max_size=3))),  # type: ignore[arg-type] - drawn
        amounts=draw(st.sampled_from([(), AMOUNTS])),
        projects=draw(some(("proj-a", "proj-c"))),
        keys=draw(some(("key_1", "key_2"))),
        subjects=draw(some(("ann", "bob"))),
        models=draw(some(MODELS)),
        not_models=draw(some(MODELS)),
    )


def named(entries: list[Entry]) -> list[Entry]:
    """Give each request an id of its own."""
    return [
        structs.replace(one, admission=structs.replace(one.admission, request_id=f"r{n}"))
        for n, one in enumerate(entries)
    ]
