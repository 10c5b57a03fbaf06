"""Event streams as the WHATWG defines them, parsed from bytes as they come."""

LONGEST_EVENT_BYTES = 1 << 20

_DATA = b"data: "
_NEXT = b"\n\n" + _DATA
_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """One event of the stream is longer than any honest one."""


class EventStream:
    """Turns the chunks of one stream into the data of its events; how the bytes were cut changes nothing.

    Source: WHATWG HTML, 9.2.6 Interpreting an event stream. Names, ids and retry times are of no use here.
    """

    __slots__ = ("_after_cr", "_opening", "_pending", "_pending_bytes")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._opening: bytes | None = b""
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that `chunk` completes; lines of one event are joined by LF.

        Raises:
            EventTooLong: An event passed `LONGEST_EVENT_BYTES` without ending; those before it were returned.

        """
        if self._pending_bytes > LONGEST_EVENT_BYTES:
            raise EventTooLong
        if self._opening is not None:
            chunk = self._without_bom(chunk)
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        if b"\n" not in chunk:
            # Kept apart and joined once: adding to one long line byte by byte would be quadratic.
            self._keep(chunk)
            return []
        if self._pending:
            self._pending.append(chunk)
            chunk = b"".join(self._pending)
            self._pending = []
            self._pending_bytes = 0
        whole, _, rest = chunk.rpartition(b"\n\n")
        self._keep(rest)
        # What every vendor sends, one line `data: …` an event, is cut in one go.
        if whole.startswith(_DATA):
            events = whole[len(_DATA) :].split(_NEXT)
            if whole.count(b"\n") == 2 * (len(events) - 1):
                return events
        return [data for block in whole.split(b"\n\n") if (data := _data_of(block)) is not None]

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._pending.append(rest)
            self._pending_bytes += len(rest)

    def _without_bom(self, chunk: bytes) -> bytes:
        opening = (self._opening or b"") + chunk
        if len(opening) < len(_BOM) and _BOM.startswith(opening):
            self._opening = opening
            return b""
        self._opening = None
        return opening.removeprefix(_BOM)

    def _with_lf(self, chunk: bytes) -> bytes:
        """End every line with LF alone; a CR at the end of a chunk may have its LF in the next one."""
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        # An LF alone after that CR is spent, so a further LF is a line of its own.
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data_of(block: bytes) -> bytes | None:
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:") or line == b"data"]
    return b"\n".join(lines) if lines else None
