"""The last event of an answer with sources is never longer than an event may be (2.3.6)."""

import json
from typing import cast

import pytest
from msgspec import Struct

from agents.reading import Check, Claim
from metering.meter import Meter
from metering.receipt import Receipt
from router.framing import MOST_BYTES, Framing
from router.sourced import SourcedFraming
from tests.unit.agents.papers import Shelf, hit


class Padding(Struct):
    """A receipt of any length."""

    padding: str


class Calls:
    """A meter of so many calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.warnings: list[str] = []

    def warn(self, code: str) -> None:
        self.warnings.append(code)


def receipt_of(size: int) -> Receipt:
    """Return what is written as a receipt of about so many bytes."""
    return cast("Receipt", Padding("x" * size))


@pytest.mark.parametrize(
    ("calls", "receipt", "sources", "kept", "claims"),
    [(2, 4_000, 8, 8, True), (8, 7_000, 24, 24, True), (16, 12_000, 24, 24, False), (24, 14_500, 24, 10, False)],
    ids=["usual", "V1", "tried again", "tried again and again"],
)
def test_last_event_gives_up_texts_then_claims_then_sources(
    calls: int, receipt: int, sources: int, kept: int, *, claims: bool
) -> None:
    reading = Shelf().reading()
    reading.give([hit(at, "Мост 🌟 " * 200, name="ж" * 100) for at in range(1, sources + 1)])
    told = tuple(Claim("я" * 80, supported=True, passages=(1, 2)) for _ in range(24))
    reading.check = Check(supported=True, claims=told)
    framing, meter = SourcedFraming(Framing("gpt-4o", "V1"), reading), Calls(calls)

    framing.before_last(cast("Meter", meter))
    event = framing.last(2, receipt_of(receipt), None)

    assert len(event) <= MOST_BYTES
    metadata = json.loads(event.removeprefix(b"data: "))["metadata"]
    assert len(metadata["sources"]) == kept
    assert metadata["check"]["supported"] is True
    assert bool(metadata["check"]["claims"]) is claims
    assert meter.warnings == ["sources-shortened"]


def test_warning_is_true_where_the_receipt_is_shorter_than_foreseen() -> None:
    reading = Shelf().reading()
    reading.give([hit(1, "Pont " * 1_000)])
    framing, meter = SourcedFraming(Framing("gpt-4o", "V1"), reading), Calls(10)

    framing.before_last(cast("Meter", meter))
    event = framing.last(2, receipt_of(2_000), None)

    assert meter.warnings == ["sources-shortened"]
    (source,) = json.loads(event.removeprefix(b"data: "))["metadata"]["sources"]
    assert 4_900 < len(source["text"]) < 5_000
