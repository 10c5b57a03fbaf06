"""One upstream call while it runs: its clock, what it was asked, what it said, how it ended."""

import time
from collections.abc import Sequence
from decimal import Decimal
from math import inf

from metering.receipt import CallStatus
from metering.usage import Usage
from pricing_tables.model import Model


class Call:
    """A stopwatch and a tally around one upstream call.

    Args:
        model: Who is asked.
        streamed: Whether the answer comes bit by bit, so that its first text has a time of its own.
        asked: The (role, content) turns that were sent, for an estimate when the provider's count is lost.
        max_tokens: How many tokens the answer may have; None leaves it to the provider.
        longest_s: After how many seconds it is given up: what follows is waiting for a reader, and nobody's work.
        audio_s: How much audio was sent, in seconds; None where none was.
        characters: How long the text is that is to be spoken; None where none is.

    """

    __slots__ = (
        "accepted",
        "asked",
        "audio_s",
        "characters",
        "ended",
        "failure",
        "first",
        "longest_s",
        "max_tokens",
        "model",
        "pieces",
        "refusal",
        "started",
        "status",
        "streamed",
        "usage",
    )

    def __init__(
        self,
        model: Model,
        asked: Sequence[tuple[str, str]],
        *,
        streamed: bool,
        max_tokens: int | None = None,
        longest_s: float = inf,
        audio_s: Decimal | None = None,
        characters: int | None = None,
    ) -> None:
        self.model = model
        self.longest_s = longest_s
        self.audio_s = audio_s
        self.characters = characters
        self.asked = asked
        self.max_tokens = max_tokens
        self.streamed = streamed
        self.started = time.perf_counter()
        self.first: float | None = None
        self.ended: float | None = None
        self.pieces: list[list[str]] = []
        self.status: CallStatus = "ok"
        self.usage: Usage | None = None
        self.refusal: str | None = None
        self.failure: str | None = None
        self.accepted = True

    def saw(self, pieces: list[str]) -> None:
        """Note text that arrived."""
        if self.first is None:
            self.first = time.perf_counter()
        self.pieces.append(pieces)

    def answered(self, usage: Usage | None, refusal: str | None) -> None:
        """Stop the clock on a whole answer.

        Args:
            usage: What the provider counted; None leaves the count to an estimate.
            refusal: Why a count that the provider gave was not taken.

        """
        self._stop("ok")
        self.usage = usage
        self.refusal = refusal

    def failed(self, status: CallStatus, failure: str, *, accepted: bool) -> None:
        """Stop the clock on a failure.

        Args:
            status: How the call ended.
            failure: The closed label of what happened, for the metrics.
            accepted: Whether the provider took the prompt, so that its tokens are owed.

        """
        self._stop(status)
        self.failure = failure
        self.accepted = accepted
        self.usage = None if accepted else Usage()

    def abandoned(self) -> None:
        """Stop the clock on a call that nobody waits for any more; what it produced is owed."""
        self._stop("cancelled")

    def _stop(self, status: CallStatus) -> None:
        if self.ended is None:
            self.ended = time.perf_counter()
            self.status = status

    @property
    def upstream_s(self) -> float:
        """Seconds from the start of the call to its end, to the microsecond: what is printed is what is weighed."""
        return round(min((self.ended or time.perf_counter()) - self.started, self.longest_s), 6)

    @property
    def ttft_s(self) -> float | None:
        """Seconds from the start of the call to its first text; None for a whole answer, which has no first text."""
        return round(self.first - self.started, 6) if self.streamed and self.first is not None else None

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(piece for pieces in self.pieces for piece in pieces)


def busy_seconds(calls: Sequence[Call]) -> float:
    """Return for how many seconds at least one of the calls was running."""
    total = 0.0
    until = 0.0
    for start, end in sorted((call.started, call.started + call.upstream_s) for call in calls):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
