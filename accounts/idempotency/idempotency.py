"""Requests that are sent again: the first answer is given again, and nothing is charged twice."""

import asyncio
import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from msgspec import Struct

from accounts.errors import IdempotencyKeyReused, IdempotencyKeyWrong, RequestRunning
from accounts.idempotency import store as idempotency_store
from accounts.idempotency.store import ANSWER, Claim, Claimed, Differs, Outcome, Running, Stored
from storage.errors import StorageDown
from storage.script import Database, Query
from storage.statement import Row, Statement

HEADER = "Idempotency-Key"
REPLAYED = ("Idempotent-Replayed", "true")
KEPT_NS = 24 * 3600 * 1_000_000_000
LOOK_EVERY_S = 1.0
FORGET_EVERY_NS = 600 * 1_000_000_000
_NAME = HEADER.lower().encode()
_KEY = re.compile(rb"[\x20-\x7e]{1,255}")
_LENGTH_BYTES = 8

Headers = tuple[tuple[str, str], ...]


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the key that a request carries, if any.

    Args:
        headers: Names in lower case, as ASGI has them.

    Raises:
        IdempotencyKeyWrong: It is empty, too long, not printable ASCII, or there are two.

    """
    keys = [value for name, value in headers if name == _NAME]
    if not keys:
        return None
    if len(keys) > 1 or _KEY.fullmatch(keys[0]) is None:
        raise IdempotencyKeyWrong(param=HEADER)
    return keys[0].decode("ascii")


def digest_of(method: str, path: str, body: bytes, *more: str) -> str:
    """Return the SHA-256 of all that makes the answer what it is; two requests of one digest want the same.

    Args:
        method: Of HTTP.
        path: As it was routed.
        body: As it was sent, byte by byte.
        more: What else decides on the answer, such as the query.

    """
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), *(each.encode() for each in more), body):
        # With their lengths, so that no two lists of parts look the same.
        digest.update(len(part).to_bytes(_LENGTH_BYTES))
        digest.update(part)
    return digest.hexdigest()


def answer(claim: Claim, status: int, headers: Headers, body: bytes, now_ns: int) -> tuple[Statement, Row]:
    """Return the write that keeps an answer, for the transaction of its ledger row, before its last byte goes out.

    An error is no answer: it is released instead, so that the next try runs.

    Args:
        claim: What the request claimed.
        status: Of HTTP.
        headers: Those that must come again.
        body: All of it, of a stream every event.
        now_ns: Time of the database's clock, in nanoseconds of the epoch.

    """
    return ANSWER, idempotency_store.answer_row(claim, Stored(status, headers, body), now_ns + KEPT_NS)


def release_of(owner: str) -> Query:
    """Return the step that ends the claims of a dead process; what it answered stays."""
    return idempotency_store.release_of(owner)


class Asked(Struct, frozen=True):
    """A request that carries a key: whose it is, and the digest of what it wants."""

    project_id: str
    key: str
    digest: str
    request_id: str


class Idempotency:
    """Claims of one process.

    Args:
        database: Where they are kept, with the answers.
        owner: The name of this process, by which it is buried.

    """

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._ended: set[Claim] = set()
        self._writing: set[asyncio.Future[Outcome]] = set()
        self._forget_ns = 0
        self.clock_ns = database.clock_ns

    async def claim(self, asked: Asked) -> Claim | Stored:
        """Return the right to run this request, or the answer that it had.

        Raises:
            IdempotencyKeyReused: The key was sent with another request before.
            RequestRunning: The same request is being served; come back for its answer.
            StorageDown: Nobody can say; nothing was claimed, or it is released soon.

        """
        claim = Claim(asked.project_id, asked.key, asked.digest, self._owner, asked.request_id)
        now_ns = self._database.clock_ns()
        script = partial(idempotency_store.claim, claim, now_ns, now_ns + KEPT_NS)
        writing = asyncio.ensure_future(self._database.write(script))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        try:
            found = await asyncio.shield(writing)
        except BaseException:
            # It may be claimed all the same, now or when the write ends: nobody would release it.
            writing.add_done_callback(partial(self._abandoned, claim))
            raise
        match found:
            case Claimed():
                return claim
            case Stored():
                return found
            case Differs():
                raise IdempotencyKeyReused(param=HEADER)
            case Running():
                raise RequestRunning(param=HEADER)

    async def release(self, claim: Claim) -> None:
        """Let the next try run; what the database cannot take now, it is told by `run`."""
        self._ended.add(claim)
        with suppress(StorageDown):
            await self._release_ended()

    async def forget_naming(self, project_id: str, name: str) -> None:
        """Forget the answers of a project that hold a name, such as the id of a document that is deleted.

        Raises:
            StorageDown: Some may be left.

        """
        after: str | None = ""
        while after is not None:
            # Answers are long: nobody is kept from writing while they are read.
            look = partial(idempotency_store.answers_naming, project_id, name.encode(), after)
            keys, after = await self._database.read(look)
            if keys:
                await self._database.write(partial(idempotency_store.forget_answers, project_id, keys))

    async def run(self) -> None:
        """Release what could not be, and forget answers after a day, until cancelled; a task of the lifespan."""
        while True:
            with suppress(StorageDown):
                await self._release_ended()
                await self._forget_old()
            await asyncio.sleep(LOOK_EVERY_S)

    def _abandoned(self, claim: Claim, writing: asyncio.Future[Outcome]) -> None:
        if not writing.cancelled():
            writing.exception()
        self._ended.add(claim)

    async def _release_ended(self) -> None:
        ended = list(self._ended)
        if ended:
            await self._database.write(lambda: idempotency_store.release(ended))
            self._ended.difference_update(ended)

    async def _forget_old(self) -> None:
        now_ns = self._database.clock_ns()
        if now_ns < self._forget_ns:
            return
        while await self._database.write(lambda: idempotency_store.forget_some(now_ns)):
            pass
        self._forget_ns = now_ns + FORGET_EVERY_NS
