"""One connection to PostgreSQL, and transactions on it whose outcome can always be found out."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic_ns
from typing import Any, cast
from uuid import uuid4

import asyncpg

from storage.errors import OutcomeUnknown, StorageDown
from storage.postgres_sql import FAILURES, Conflict, is_certain, is_demoted, meaning, one_row, text_of, text_of_failure
from storage.script import Query, Rows, Script, T, Write
from storage.statement import Row, Statement

CONNECT_SECONDS = 3.0
_STATEMENT_MS = 10_000
_LOCK_MS = 3_000
_IDLE_MS = 2_000  # who froze in a transaction loses its locks before those who wait for them give up
ANSWER_SECONDS = 12.0  # longer than any statement may take
_CACHED_STATEMENTS = 512
_WRITERS = 5_707_126_208  # the advisory lock of all who write
_KEPT_NS = 7 * 86_400 * 10**9

WRITE = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock_shared({_WRITERS})"
WRITE_ALONE = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({_WRITERS})"
_SOON = "SET LOCAL synchronous_commit = off; "
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
_MARK = f"INSERT INTO commits (id, at_ns) VALUES ('{{}}', ({_CLOCK})); COMMIT"  # noqa: S608 - a token of ours
_UNMARK = "DELETE FROM commits WHERE id = '{}'; "
# Waits for the transaction if it is under way. A time below zero says that the token stands in its way for good.
_ASK = f"""
    INSERT INTO commits (id, at_ns) VALUES ($1, -({_CLOCK}))
    ON CONFLICT (id) DO UPDATE SET at_ns = commits.at_ns RETURNING at_ns
"""  # noqa: S608 - texts of ours
_TIDY = f"DELETE FROM commits WHERE abs(at_ns) < ({_CLOCK}) - {_KEPT_NS}"  # noqa: S608 - texts of ours
# Where the server promises less by default, a commit survives a power cut all the same.
_PROMISE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"


class CommitLost(OutcomeUnknown):
    """The connection was lost in the commit; `token` finds out whether it is in, and then `result` is its result."""

    def __init__(self, token: str, result: Any) -> None:  # noqa: ANN401 - of whatever script it was
        super().__init__("the connection was lost in a commit")
        self.token = token
        self.result = result


class Session:
    """One connection, used by one task at a time; after any failure that leaves doubt it is closed.

    Each transaction that writes leaves a token of its own in `commits`. When the connection is lost in the commit,
    another connection tries to write the same token: if it can, the transaction is not in and never will be, however
    late the server reads the lost message; if it cannot, the transaction is in.
    """

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self._id = uuid4().hex
        self._number = 0

    @classmethod
    async def open(cls, url: str, answer_seconds: float = ANSWER_SECONDS) -> "Session":
        """Connect.

        Args:
            url: Where to.
            answer_seconds: After how long without an answer the server counts as lost.

        Raises:
            StorageDown: The server cannot be reached, or does not let us in.

        """
        settings = {
            "application_name": "router",
            "statement_timeout": str(_STATEMENT_MS),
            "lock_timeout": str(_LOCK_MS),
            "idle_in_transaction_session_timeout": str(_IDLE_MS),
        }
        connecting = asyncio.ensure_future(
            asyncpg.connect(
                url,
                timeout=CONNECT_SECONDS,
                command_timeout=answer_seconds,
                statement_cache_size=_CACHED_STATEMENTS,
                server_settings=settings,
            )
        )
        try:
            # asyncpg complains to the event loop when it is cancelled while it shakes hands.
            connection = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_hang_up)
            raise
        except (*FAILURES, ValueError) as cause:
            raise StorageDown(text_of_failure(cause)) from cause
        session = cls(connection)
        async with session._orderly():
            await connection.execute(_PROMISE)
            # As SQLite has it: a sum of integers is an integer.
            await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=_number, format="text")
        return session

    @property
    def closed(self) -> bool:
        """Whether it is of no more use."""
        return self._connection.is_closed()

    async def close(self) -> None:
        """Say good-bye to the server, briefly."""
        try:
            await self._connection.close(timeout=1.0)
        except FAILURES:
            self._connection.terminate()

    async def write(self, script: Script[T], opening: str = WRITE, lasts: Callable[[], bool] = lambda: True) -> T:
        """Play a script in a transaction and commit it.

        Args:
            script: What is read and written.
            opening: How the transaction begins.
            lasts: Asked before the commit: whether it must survive the server.

        Raises:
            UnitRefused: The database refuses what it writes; nothing of it is in.
            Conflict: Nothing of it is in; try it anew, on another session if this one is closed.
            CommitLost: The connection was lost in the commit.
            StorageDown: The database cannot be written now; nothing of it is in.

        """
        async with self._orderly():
            await self._connection.execute(opening)
            result = await self._play(script)
            await self._commit(result, "" if lasts() else _SOON)
        return result

    async def read(self, script: Script[T]) -> T:
        """Play a script that only reads, on one state of the database.

        Raises:
            Conflict: Try it anew, on another session if this one is closed.
            StorageDown: The database cannot be read now.

        """
        async with self._orderly():
            await self._connection.execute(_READ)
            result = await self._play(script)
            await self._connection.execute("COMMIT")
        return result

    async def is_in(self, token: str) -> bool:
        """Find out whether a transaction whose commit was lost is in; if it is not, it never will be.

        Raises:
            Conflict: Not known yet.
            StorageDown: Not known yet.

        """
        async with self._orderly():
            return cast("int", await self._connection.fetchval(_ASK, token)) > 0

    async def clock(self) -> tuple[int, int]:
        """Return what to add to the local monotonic clock to have the server's, in ns, and how wrong it may be.

        Raises:
            StorageDown: The server does not answer.

        """
        async with self._orderly():
            began = monotonic_ns()
            there = cast("int", await self._connection.fetchval(_CLOCK))
            ended = monotonic_ns()
        return there - (began + ended) // 2, (ended - began) // 2

    async def tidy(self) -> None:
        """Remove tokens that nobody will ask for any more."""
        async with self._orderly():
            await self._connection.execute(_TIDY)

    async def _commit(self, result: object, promise: str) -> None:
        token = self._token(self._number + 1)
        before = promise + _UNMARK.format(self._token(self._number)) if self._number else promise
        try:
            await self._connection.execute(before + _MARK.format(token))
        except FAILURES as cause:
            if is_certain(cause):
                raise
            self._connection.terminate()
            raise CommitLost(token, result) from cause
        self._number += 1

    def _token(self, number: int) -> str:
        return f"{self._id}-{number}"

    async def _play(self, script: Script[T]) -> T:
        try:
            step = next(script)
            while True:
                step = script.send(await self._rows(step))
        except StopIteration as ended:
            return ended.value
        finally:
            script.close()

    async def _rows(self, step: Query | Write) -> Rows:
        if isinstance(step, Query):
            return [tuple(row) for row in await self._connection.fetch(text_of(step), *step.values)]
        await self._write(step.statement, step.rows)
        return []

    async def _write(self, statement: Statement, rows: Sequence[Row]) -> None:
        await self._connection.executemany(one_row(statement), rows)

    @asynccontextmanager
    async def _orderly(self) -> AsyncGenerator[None]:
        """Say what a failure inside means, and leave no transaction open."""
        try:
            yield
        except asyncio.CancelledError:
            # A rollback would have to be waited for, and the server does it by itself.
            self._connection.terminate()
            raise
        except TimeoutError as cause:
            self._connection.terminate()
            raise StorageDown("the server does not answer") from cause
        except FAILURES as cause:
            if is_demoted(cause):
                self._connection.terminate()
            raise (Conflict(text_of_failure(cause)) if self.closed else meaning(cause)) from cause
        finally:
            await self._roll_back()

    async def _roll_back(self) -> None:
        try:
            if not self.closed and self._connection.is_in_transaction():
                await self._connection.execute("ROLLBACK")
        except FAILURES:
            self._connection.terminate()


def _hang_up(connecting: "asyncio.Future[asyncpg.Connection[asyncpg.Record]]") -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().terminate()


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
