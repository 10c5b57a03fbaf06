"""The frame of one run's answer: the seed's JSON body, and the events of a stream (3.1.2, 3.1.5)."""

from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted

from metering.meter import Meter
from metering.receipt import Receipt
from router.families import Fault
from router.framing import MOST_BYTES, as_json, parted

TAIL = ',"done":false}\n\n'


class RunFraming:
    """The frame of one answer.

    Args:
        model: As the version names it.
        version: Its number.

    """

    def __init__(self, model: str, version: int) -> None:
        self._model = quoted(model)
        self._version = version
        self._said: list[str] = []

    def events(self, pieces: Sequence[str]) -> list[bytes]:
        """Return the events of pieces that arrived together, whole events in writes of at most 16 KB."""
        self._said += pieces
        # Written out: a call for each piece would cost a stream more than all else here.
        block = "".join([f'data: {{"success":true,"delta":{quoted(piece)}{TAIL}' for piece in pieces if piece])
        if len(block) <= MOST_BYTES:
            return [block.encode("ascii")] if block else []
        return parted(pieces, _event)

    def before_last(self, meter: Meter) -> None:
        """Do nothing before the receipt of a stream is made: all there is to warn of is on the meter."""

    def before_body(self) -> None:
        """Do nothing before the receipt of a whole answer is made."""

    def last(self, turns: int, receipt: Receipt | None, fault: Fault | None) -> bytes:
        """Return the one final event: the whole answer, as long as it is, or the error; and the receipt."""
        del turns
        metadata = b"null" if receipt is None else as_json(receipt)
        if fault is not None or receipt is None:
            told = "" if fault is None else fault.message
            head = f'"success":false,"error":{quoted(told)},"promptVersion":{self._version}'
        else:
            head = f'"success":true,"output":{quoted("".join(self._said))},{self._facts(receipt)}'
        return b"".join([f'data: {{{head},"done":true,"metadata":'.encode("ascii"), metadata, b"}\n\n"])

    def body(self, text: str, turns: int, receipt: Receipt) -> bytes:
        """Return the JSON answer (3.1.2)."""
        del turns
        usage = as_json(receipt.usage).decode()
        head = f'{{"success":true,"output":{quoted(text)},{self._facts(receipt)},"usage":{usage},"metadata":'
        return b"".join([head.encode("ascii"), as_json(receipt), b"}"])

    def _facts(self, receipt: Receipt) -> str:
        milliseconds = round(receipt.latency_s * 1000)
        return f'"promptVersion":{self._version},"durationMs":{milliseconds},"model":{self._model}'


def _event(piece: str) -> str:
    return f'data: {{"success":true,"delta":{quoted(piece)}{TAIL}'
