"""What PostgreSQL is told and what its failures mean."""

import re
from functools import lru_cache
from itertools import count

from asyncpg import exceptions as pg

from storage.errors import StorageDown, UnitRefused
from storage.script import Query
from storage.statement import Statement, sql

_LITERAL_OR_PLACE = re.compile(r"'[^']*'|\?")

# What a script brings upon itself: constraints, triggers, values that do not fit, text that is not Unicode.
_REFUSALS = (
    pg.IntegrityConstraintViolationError,
    pg.DataError,
    pg.RaiseError,
    pg.ProgramLimitExceededError,
    pg.InterfaceError,
    OverflowError,
    UnicodeEncodeError,
)
_CONFLICTS = (pg.TransactionRollbackError, pg.InvalidCachedStatementError, pg.OutdatedSchemaCacheError)
_CERTAIN = (pg.IntegrityConstraintViolationError, pg.RaiseError, pg.TransactionRollbackError)

FAILURES = (*_REFUSALS, pg.PostgresError, pg.InternalClientError, OSError, TimeoutError)
"""Everything that asyncpg raises."""


class Conflict(StorageDown):
    """The transaction stood in the way of another, or its connection was lost before the commit; try it anew."""


@lru_cache(maxsize=1024)
def numbered(text: str) -> str:
    """Return SQL with its `?` as `$1`, `$2` and so on; those in literals stay."""
    numbers = count(1)
    return _LITERAL_OR_PLACE.sub(lambda found: f"${next(numbers)}" if found[0] == "?" else found[0], text)


def text_of(query: Query) -> str:
    """Return the SQL of a query with its lock."""
    if query.skips_locked:
        return numbered(query.sql) + " FOR UPDATE SKIP LOCKED"
    return numbered(query.sql) + " FOR UPDATE" if query.locks else numbered(query.sql)


@lru_cache(maxsize=256)
def one_row(statement: Statement) -> str:
    """Return the text of a statement for one row."""
    return numbered(sql(statement, 1))


def is_certain(failure: BaseException) -> bool:
    """Say whether a commit that failed so is surely not in."""
    return isinstance(failure, _CERTAIN)


def is_demoted(failure: BaseException) -> bool:
    """Say whether the server no longer takes writes, so that the next connection may find the one that does."""
    return isinstance(failure, pg.ReadOnlySQLTransactionError)


def meaning(failure: BaseException) -> StorageDown | UnitRefused:
    """Return what a failure on a connection that is still open means to who asked.

    Returns:
        UnitRefused when a second try would fail as well, Conflict when it may well succeed at once, else StorageDown.

    """
    text = text_of_failure(failure)
    if isinstance(failure, _CONFLICTS):
        return Conflict(text)
    return UnitRefused(text) if isinstance(failure, _REFUSALS) else StorageDown(text)


def text_of_failure(failure: BaseException) -> str:
    """Return what a failure says of itself, or else its name."""
    return str(failure) or type(failure).__name__
