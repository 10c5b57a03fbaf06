"""Frames of answers that read documents: they end with the passages that were given to the model (2.2.3)."""

import json
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from agents.reading import Check, Claim, Reading, Source
from metering.meter import Meter
from metering.receipt import Receipt
from router.families import Fault
from router.framing import MOST_BYTES, Framing, as_json

# What the last event holds beside its sources, for one model and for each call: measured, with a margin of a half.
FRAME_BYTES = 4_000
CALL_BYTES = 900


class Told(Struct, frozen=True, omit_defaults=True):
    """What an answer tells of the documents that it read; the check is there when there was one."""

    sources: list[Source]
    check: Check | None = None


class SourcedFraming:
    """The frame of one answer.

    Args:
        framing: Of its model and agent.
        reading: What it reads.

    """

    def __init__(self, framing: Framing, reading: Reading) -> None:
        self.events = framing.events
        self._framing = framing
        self._reading = reading
        self._whole = True

    def before_last(self, meter: Meter) -> None:
        """Warn of what the last event cannot hold, before the receipt is made."""
        self._reading.end()
        self._whole = len(_ascii(self._told)) <= MOST_BYTES - FRAME_BYTES - CALL_BYTES * meter.calls
        if not self._whole:
            meter.warn("sources-shortened")

    def before_body(self) -> None:
        """Warn of what the prompts could not hold, before the receipt is made."""
        self._reading.end()

    def last(self, turns: int, receipt: Receipt | None, fault: Fault | None) -> bytes:
        """Return the one final event, its sources shortened to what an event may hold (2.3.6)."""
        room = MOST_BYTES - len(self._framing.last(turns, receipt, fault))
        if not self._whole:
            # The receipt was shorter than foreseen, but it says already that something is cut.
            room = min(room, len(_ascii(self._told)) - 1)
        return self._framing.last(turns, receipt, fault, _within(self._told, room))

    def body(self, text: str, turns: int, receipt: Receipt) -> bytes:
        """Return the JSON answer, its sources whole."""
        return self._framing.body(text, turns, receipt, b"," + as_json(self._told)[1:-1])

    @property
    def _told(self) -> Told:
        return Told(self._reading.sources, self._reading.check)


def _within(told: Told, room: int) -> bytes:
    """Return members of at most `room` bytes, every text cut at the same length.

    Where that is not enough, because a call for each try left little room, the claims of the check go, and then the
    last sources.
    """
    whole = _ascii(told)
    if len(whole) <= room:
        return whole
    if len(_ascii(_cut(told, 0))) > room:
        return _without_claims(told, room)
    low, high = 0, max(len(text) for text in _texts(told))
    while low < high:
        middle = (low + high + 1) // 2
        if len(_ascii(_cut(told, middle))) <= room:
            low = middle
        else:
            high = middle - 1
    return _ascii(_cut(told, low))


def _without_claims(told: Told, room: int) -> bytes:
    if told.check is not None and told.check.claims:
        return _within(Told(told.sources, Check(told.check.supported)), room)
    if told.sources:
        return _within(Told(told.sources[:-1], told.check), room)
    return _ascii(told)


def _texts(told: Told) -> Sequence[str]:
    claims = told.check.claims if told.check is not None else ()
    return [text for each in told.sources for text in (each.name, each.text)] + [each.claim for each in claims] + [""]


def _cut(told: Told, most: int) -> Told:
    sources = [
        Source(each.document_id, _short(each.name, most), each.passage, each.score, _short(each.text, most))
        for each in told.sources
    ]
    if told.check is None:
        return Told(sources)
    claims = tuple(Claim(_short(each.claim, most), each.supported, each.passages) for each in told.check.claims)
    return Told(sources, Check(told.check.supported, claims))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(0, most - 1)]}…"


def _ascii(told: Told) -> bytes:
    """Return the members, to stand after others; whole characters survive any cut of the stream (2.3.6)."""
    return f", {json.dumps(msgspec.to_builtins(told))[1:-1]}".encode("ascii")
