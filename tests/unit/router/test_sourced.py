"""The last event of an answer with sources is never longer than an event may be (2.3.6)."""

import json

import pytest

from agents.reading import Check, Claim
from router.framing import MOST_BYTES, Framing
from router.sourced import SourcedFraming
from tests.unit.agents.papers import Shelf, hit


class Calls:
    """A meter of so many calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.warnings: list[str] = []

    def warn(self, code: str) -> None:
        self.warnings.append(code)


@pytest.mark.parametrize(
    ("calls", "sources", "claims"),
    [(2, 8, True), (8, 24, True), (10, 24, False), (12, 24, False)],
    ids=["usual", "V1", "tried again", "tried again often"],
)
def test_last_event_gives_up_texts_then_claims_then_sources(calls: int, sources: int, *, claims: bool) -> None:
    reading = Shelf().reading()
    reading.give([hit(at, "Мост 🌟 " * 200, name="ж" * 100) for at in range(1, sources + 1)])
    told = tuple(Claim("я" * 80, supported=True, passages=(1, 2)) for _ in range(12))
    reading.check = Check(supported=True, claims=told)
    framing, meter = SourcedFraming(Framing("gpt-4o", "V1"), reading), Calls(calls)

    framing.before_last(meter)
    event = framing.last(2, None, None)

    # What the receipt takes is foreseen by the number of calls.
    assert len(event) <= MOST_BYTES - 900 * calls
    metadata = json.loads(event.removeprefix(b"data: "))["metadata"]
    assert metadata["sources"]
    assert metadata["check"]["supported"] is True
    assert bool(metadata["check"]["claims"]) is claims
    assert meter.warnings == ["sources-shortened"]
