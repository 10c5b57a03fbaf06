"""The answer of a meeting: as one body, and as the events that tell how far it is (2.4.2, 2.3.4 to 2.3.7)."""

import json
from json.encoder import encode_basestring_ascii as quoted

import msgspec
from msgspec import Struct

from agents.meeting import Progress
from agents.messages import Transcript
from metering.meter import Meter
from metering.receipt import Receipt
from router.families import Fault
from router.framing import MOST_CHARACTERS, as_json


class Said(Struct, frozen=True):
    """A stretch of the transcript: when, in seconds from the beginning, what, and in which language."""

    start: float
    end: float
    text: str
    language: str | None


class Minuted(Struct, frozen=True):
    """What a meeting's answer tells but for its receipt: `text` are the minutes, `transcript` is what was said."""

    text: str
    language: str | None
    duration: float
    model: str
    transcript: tuple[Said, ...]


class MeetingAnswer(Minuted, frozen=True):
    """The minutes in Markdown, what was said and when, and what both cost."""

    metadata: Receipt


def minuted(text: str, transcript: Transcript, seconds: float, model: str) -> Minuted:
    """Return the answer to minutes and the transcript that they are of."""
    said = tuple(
        Said(segment.start_s, segment.end_s, segment.text, segment.language or transcript.language)
        for segment in transcript.segments
    )
    return Minuted(text, transcript.language, seconds, model, said)


def body_of(answer: Minuted, receipt: Receipt) -> bytes:
    """Return the JSON answer."""
    members = (answer.text, answer.language, answer.duration, answer.model, answer.transcript)
    return as_json(MeetingAnswer(*members, receipt))


class MeetingFraming:
    """The frame of one meeting's events.

    Args:
        model: As the answer names it.
        agent: As the ledger names it.
        seconds: How long the meeting lasts.

    Attributes:
        answer: What the last event tells, once there is an answer.

    """

    def __init__(self, model: str, agent: str, seconds: float) -> None:
        self.answer: Minuted | None = None
        self._names = f'"model": {quoted(model)}, "agent": {quoted(agent)}'
        self._seconds = seconds

    def events(self, progress: Progress) -> list[bytes]:
        """Return the events of one step; what was heard is a line of its own, cut where it is long (2.3.6)."""
        text = f"{progress.text}\n" if progress.text else ""
        stage = f'"stage": "{progress.stage}", "seconds_done": {progress.seconds_done}, "seconds": {self._seconds}'
        tail = f', "done": false, "metadata": {{{self._names}, {stage}}}}}\n\n'
        pieces = [text[at : at + MOST_CHARACTERS] for at in range(0, len(text), MOST_CHARACTERS)] or [""]
        return [f'data: {{"content": {quoted(piece)}{tail}'.encode("ascii") for piece in pieces]

    def before_last(self, meter: Meter) -> None:
        """Do nothing before the receipt is made: all there is to warn of is on the meter."""

    def last(self, turns: int, receipt: Receipt | None, fault: Fault | None) -> bytes:
        """Return the one final event: the whole answer, or the error, with the receipt; as long as it has to be."""
        del turns
        told: dict[str, object] = {}
        if self.answer is not None and fault is None:
            told = msgspec.to_builtins(self.answer)
        members = "".join(f", {quoted(name)}: {json.dumps(value)}" for name, value in told.items())
        known = b"" if receipt is None else b", " + as_json(receipt)[1:-1]
        error = b""
        if fault is not None:
            shown = {"message": fault.message, "type": fault.type, "code": fault.code}
            error = b', "error": ' + json.dumps(shown).encode("ascii")
        head = f'data: {{"content": "", "done": true{members}, "metadata": {{{self._names}'
        return b"".join([head.encode("ascii"), known, b"}", error, b"}\n\n"])
