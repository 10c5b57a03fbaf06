"""Answers that are given again: what an Idempotency-Key claims, and what is kept for the next time."""

from collections.abc import Callable, Iterable

from accounts.idempotency.idempotency import Asked, Idempotency, answer, digest_of, key_of
from accounts.idempotency.store import Claim, Stored
from metering.ledger import Kept
from metering.meter import Meter
from metering.receipt import Receipt

Headers = Callable[[Receipt], tuple[tuple[str, str], ...]]


class Keeper:
    """Keeps the answer of one request for the next that carries its key.

    Attributes:
        blocks: What a stream has written so far.

    """

    __slots__ = ("_claim", "_idempotency", "_over", "blocks")

    def __init__(self, idempotency: Idempotency, claim: Claim) -> None:
        self._idempotency = idempotency
        self._claim = claim
        self._over = False
        self.blocks: list[bytes] = []

    def keep(self, meter: Meter, headers: Headers, body: Callable[[Receipt], bytes]) -> None:
        """Have the answer written with the entry of the request, which is settled next."""
        self._over = True

        def row(receipt: Receipt) -> Kept:
            return answer(self._claim, 200, headers(receipt), body(receipt), self._idempotency.clock_ns())

        meter.keep(row)

    async def end(self) -> None:
        """Let the next try run, unless there is an answer: an error is none. Once is enough."""
        if not self._over:
            self._over = True
            await self._idempotency.release(self._claim)


class Replays:
    """The answers of one route.

    Args:
        idempotency: Claims keys.
        path: The route.

    """

    def __init__(self, idempotency: Idempotency, path: str) -> None:
        self._idempotency = idempotency
        self._path = path

    async def claim(
        self, headers: Iterable[tuple[bytes, bytes]], project_id: str, body: bytes, meter: Meter
    ) -> Keeper | Stored | None:
        """Return who keeps the answer, or the answer that was given before; None without a key.

        Raises:
            IdempotencyKeyWrong: The header is not as it must be.
            IdempotencyKeyReused: The key was sent with another request before.
            RequestRunning: The same request is being served.
            StorageDown: Nobody can say now.

        """
        key = key_of(headers)
        if key is None:
            return None
        asked = Asked(project_id, key, digest_of("POST", self._path, body), meter.request_id)
        claimed = await self._idempotency.claim(asked)
        return claimed if isinstance(claimed, Stored) else Keeper(self._idempotency, claimed)
