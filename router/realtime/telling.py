"""What a failed turn says: every foreseen error in its code and words, all else as internal, and counted once."""

from types import TracebackType

from accounts.errors import AccountError
from agents.audio.errors import AudioError
from agents.errors import AgentError
from agents.voice.turns import TurnRefused
from documents.errors import DocumentError
from metering.meter import Meter
from metering.prometheus import Metrics
from router.errors import Refused, fault_of, log_unforeseen
from router.limited import count_limited
from router.realtime.wire import ROUTE
from router.texts import TEXTS
from storage.errors import StorageError

FORESEEN = (Refused, AgentError, AccountError, DocumentError, AudioError, StorageError)


class Telling:
    """A context of one turn, entered for each thing that it does: what goes wrong leaves it as TurnRefused."""

    def __init__(self, meter: Meter, metrics: Metrics) -> None:
        self.meter = meter
        self._metrics = metrics
        self._status = 200

    def __enter__(self) -> None:
        """Begin to do something."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell what went wrong.

        Raises:
            TurnRefused: It did.

        """
        if not isinstance(error, Exception) or isinstance(error, TurnRefused):
            return
        if not isinstance(error, FORESEEN):
            log_unforeseen(error, self.meter.request_id)
        count_limited(error, self._metrics)
        fault = fault_of(error, self.meter.request_id)
        self._status = TEXTS[fault.code].status
        raise TurnRefused(fault.code, fault.message) from error

    def count(self) -> None:
        """Count the turn as an answered request, by the status that it would have had over HTTP."""
        self._metrics.count_request(ROUTE, "GET", self._status)
