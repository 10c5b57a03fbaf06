"""Bytes of the core surface: whole SSE events of ASCII JSON, and the JSON body (2.3)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, cast

import msgspec
from litestar.openapi import ResponseSpec
from msgspec import Struct

from accounts.decimals import as_text
from metering.meter import Meter
from metering.receipt import Receipt
from router.families import Fault

MOST_BYTES = 16_000  # of one write (2.3.6)
MOST_CHARACTERS = 1_000  # of one event's content: escaped, a character takes at most 12 bytes
KEEP_ALIVE = b": keep-alive\n\n"

_encoder = msgspec.json.Encoder(decimal_format="number")
as_json = _encoder.encode  # decimals as numbers with all their digits: the framework's own encoder quotes them


def in_full(view: Struct) -> bytes:
    """Return a Struct as JSON, its decimals as numbers without exponent or needless zeros."""
    return as_json(_in_full(msgspec.to_builtins(view, builtin_types=(Decimal, datetime))))


def _in_full(value: Any) -> Any:  # noqa: ANN401 - anything that JSON has
    if isinstance(value, Decimal):
        return msgspec.Raw(as_text(value).encode())
    if isinstance(value, dict):
        return {name: _in_full(each) for name, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_in_full(each) for each in cast("list[Any]", value)]
    return value


def answers(shape: type[Struct]) -> dict[int, ResponseSpec]:
    """Describe a route that writes `shape` as JSON itself."""
    return {200: ResponseSpec(shape, description="As described", generate_examples=False)}


def parted(pieces: Sequence[str], event: Callable[[str], str]) -> list[bytes]:
    """Return the events of pieces that do not fit one write together, long pieces cut into several events."""
    parts = [piece[at : at + MOST_CHARACTERS] for piece in pieces for at in range(0, len(piece), MOST_CHARACTERS)]
    blocks: list[str] = []
    for part in parts:
        framed = event(part)
        if blocks and len(blocks[-1]) + len(framed) <= MOST_BYTES:
            blocks[-1] += framed
        else:
            blocks.append(framed)
    return [block.encode("ascii") for block in blocks]


class Framing:
    """The frame of one (model, agent) pair, made once.

    Args:
        model: As the caller named it.
        agent: The pipeline's name.

    """

    def __init__(self, model: str, agent: str) -> None:
        self.model = model
        self.agent = agent
        self._names = f'"model": {quoted(model)}, "agent": {quoted(agent)}'
        self._tail = f', "done": false, "metadata": {{{self._names}}}}}\n\n'

    def before_last(self, meter: Meter) -> None:
        """Do nothing before the receipt of a stream is made: all there is to warn of is on the meter."""

    def before_body(self) -> None:
        """Do nothing before the receipt of a whole answer is made."""

    def events(self, pieces: Sequence[str]) -> list[bytes]:
        """Return the events of pieces that arrived together, whole events in writes of at most 16 KB."""
        tail = self._tail
        block = "".join([f'data: {{"content": {quoted(piece)}{tail}' for piece in pieces if piece])
        if len(block) <= MOST_BYTES:
            return [block.encode("ascii")] if block else []
        return parted(pieces, self._event)

    def _event(self, piece: str) -> str:
        return f'data: {{"content": {quoted(piece)}{self._tail}'

    def last(self, turns: int, receipt: Receipt | None, fault: Fault | None, more: bytes = b"") -> bytes:
        """Return the one final event: the receipt, the error if there was one, and `more` members of the metadata."""
        known = b"" if receipt is None else b", " + _encoder.encode(receipt)[1:-1]
        error = b""
        if fault is not None:
            told = {"message": fault.message, "type": fault.type, "code": fault.code}
            error = b', "error": ' + _ascii(told)
        head = f'data: {{"content": "", "done": true, "metadata": {{{self._names}, "message_count": {turns}'
        return b"".join([head.encode("ascii"), known, more, b"}", error, b"}\n\n"])

    def body(self, text: str, turns: int, receipt: Receipt, more: bytes = b"") -> bytes:
        """Return the JSON answer (2.3.1), with `more` members of the metadata; `usage` has both spellings (2.3.9)."""
        head = (
            f'{{"response":{quoted(text)},"model":{quoted(self.model)},"agent":{quoted(self.agent)},'
            f'"usage":{as_json(receipt.usage).decode()},"metadata":{{"message_count":{turns},'
        )
        return b"".join([head.encode("ascii"), _encoder.encode(receipt)[1:-1], more, b"}}"])


def _ascii(table: dict[str, str]) -> bytes:
    return ("{" + ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in table.items()) + "}").encode("ascii")
