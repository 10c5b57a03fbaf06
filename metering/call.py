"""One upstream call while it runs: its clock, what it was asked, what it said, how it ended."""

import time
from collections.abc import Sequence
from decimal import Decimal
from math import inf

from metering.audio import believed
from metering.receipt import CallStatus
from metering.usage import Usage, UsageAbsurd
from pricing_tables.model import Model


class Call:
    """A stopwatch and a tally around one upstream call.

    Args:
        model: Who is asked.
        streamed: Whether the answer comes bit by bit, so that its first text has a time of its own.
        asked: The (role, content) turns that were sent, for an estimate when the provider's count is lost.
        max_tokens: How many tokens the answer may have; None leaves it to the provider.
        longest_s: After how many seconds it is given up: what follows is waiting for a reader, and nobody's work.
        audio_s: Seconds of audio that are sent to a transcription model; None to another.
        characters: Of the text that is sent to a speech model; None to another.

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
        "sound_s",
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
        self.asked = asked
        self.audio_s = audio_s
        self.characters = characters
        self.sound_s: float | None = None
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

    def sounded(self, seconds: float) -> None:
        """Note how long the speech is that arrived."""
        self.sound_s = seconds

    def answered(self, usage: Usage | None, refusal: str | None) -> None:
        """Stop the clock on a whole answer.

        Args:
            usage: What the provider counted; None leaves the count to an estimate.
            refusal: Why a count that the provider gave was not taken.

        """
        self._stop("ok")
        self.usage = usage
        self.refusal = refusal
        if self.audio_s is not None or self.characters is not None:
            self._believe()

    def _believe(self) -> None:
        """Settle what of the provider's count holds: what was sent is known here."""
        if self.usage is None and self.refusal is None and self.model.audio_tokens_s == 0:
            # Its price rests on what was sent alone, which needs no estimate.
            self.usage = Usage()
        if self.usage is not None:
            try:
                texts = [content for _, content in self.asked]
                self.usage = believed(self.usage, self.model, self.audio_s, self.characters, texts)
            except UsageAbsurd as cause:
                self.usage, self.refusal = None, str(cause)

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
