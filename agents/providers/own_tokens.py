"""Tokens of a prompt as the embedded chat model counts them, asked of the process that runs it."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from agents.errors import ProviderError
from agents.messages import Message
from agents.providers.transport import Answer, Timeouts, Transport, Upstream

PATH = "/tokens"
# It counts in milliseconds; one that does not is down, and nobody waits for it.
TIMEOUTS = Timeouts(connect=1, first_byte=3, idle=3, total=4)
_OK = 200


class Asked(Struct, frozen=True):
    """A conversation."""

    messages: Sequence[Message]


class Told(Struct, frozen=True):
    """How many tokens it has."""

    tokens: int


class OwnTokens:
    """Counts for the embedded chat model at `upstream`; nothing is opened before the first count."""

    def __init__(self, upstream: Upstream) -> None:
        self._transport = Transport(msgspec.structs.replace(upstream, timeouts=TIMEOUTS))

    async def count(self, messages: Sequence[Message]) -> int | None:
        """Return the tokens of a prompt, exactly; None when the model cannot be asked now."""
        try:
            answer = await self._transport.post(PATH, msgspec.json.encode(Asked(messages)))
            return await _told(answer)
        except (ProviderError, msgspec.DecodeError):
            return None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


async def _told(answer: Answer) -> int | None:
    try:
        body = await answer.body()
        return msgspec.json.decode(body, type=Told).tokens if answer.status == _OK else None
    finally:
        answer.close()
