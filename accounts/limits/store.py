"""The limits of keys and projects in the database."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from accounts.errors import KeyUnknown, LimitInvalid, ProjectUnknown
from accounts.revision import CHANGED
from storage.script import Query, Script, places

MOST = 1_000_000_000

Scope = Literal["key", "project"]
Number = Annotated[int, Meta(ge=1, le=MOST)]

_COLUMNS = "requests_per_minute, tokens_per_minute, running"


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """What one key or project may do; None where it has no limit of its own. Only keys have `concurrent_requests`."""

    requests_per_minute: Number | None = None
    tokens_per_minute: Number | None = None
    concurrent_requests: Number | None = None


def check(scope: Scope, limit: Limit) -> None:
    """Check limits that no decoder has checked.

    Raises:
        LimitInvalid: A number is out of range, or a project is to have a limit that only keys have.

    """
    for name in limit.__struct_fields__:
        value: int | None = getattr(limit, name)
        if value is not None and not 1 <= value <= MOST:
            raise LimitInvalid(param=name)
    if scope == "project" and limit.concurrent_requests is not None:
        raise LimitInvalid("only keys have concurrent_requests", param="concurrent_requests")


def read_limits(owners: Sequence[tuple[Scope, str]]) -> Script[dict[tuple[Scope, str], Limit]]:
    """Read the limits of those keys and projects that have some."""
    where = " OR ".join(["(scope = ? AND scope_id = ?)"] * len(owners))
    values = tuple(value for owner in owners for value in owner)
    rows = yield Query(f"SELECT scope, scope_id, {_COLUMNS} FROM limits WHERE {where}", values)  # noqa: S608 - placeholders only
    return {(scope, scope_id): Limit(*numbers) for scope, scope_id, *numbers in rows}


def read_all_limits() -> Script[list[tuple[Scope, str, Limit]]]:
    """Read every limit, those of keys first."""
    rows = yield Query(f"SELECT scope, scope_id, {_COLUMNS} FROM limits ORDER BY scope, scope_id")  # noqa: S608 - constant
    return [(scope, scope_id, Limit(*numbers)) for scope, scope_id, *numbers in rows]


def read_limit(scope: Scope, scope_id: str) -> Script[Limit]:
    """Read the limits of a key or project.

    Raises:
        KeyUnknown: There is no such key.
        ProjectUnknown: There is no such project.

    """
    yield from _require(scope, scope_id)
    found = yield from read_limits([(scope, scope_id)])
    return found.get((scope, scope_id), Limit())


def keep_to_oneself(key_ids: Iterable[str]) -> Script[None]:
    """Keep others from counting what runs of these keys, until this transaction ends; each has a limit of its own."""
    ids = sorted(set(key_ids))
    if ids:
        sql = f"SELECT scope_id FROM limits WHERE scope = 'key' AND scope_id IN ({places(len(ids))}) ORDER BY scope_id"  # noqa: S608 - placeholders only
        yield Query(sql, tuple(ids), locks=True)


def write_limit(scope: Scope, scope_id: str, limit: Limit) -> Script[Limit]:
    """Replace the limits of a key or project.

    Raises:
        KeyUnknown: There is no such key.
        ProjectUnknown: There is no such project.

    """
    yield from _require(scope, scope_id)
    numbers = (limit.requests_per_minute, limit.tokens_per_minute, limit.concurrent_requests)
    kept = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS.split(", "))
    sql = f"INSERT INTO limits (scope, scope_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?) "  # noqa: S608 - constant
    yield Query(f"{sql} ON CONFLICT (scope, scope_id) DO UPDATE SET {kept}", (scope, scope_id, *numbers))
    yield CHANGED
    return limit


def change_limit(scope: Scope, scope_id: str, given: Limit) -> Script[Limit]:
    """Replace those of the limits of a key or project that are given.

    Raises:
        KeyUnknown: There is no such key.
        ProjectUnknown: There is no such project.

    """
    # First what everybody changes: until this transaction ends, nobody else changes what is read next.
    yield CHANGED
    own = yield from read_limit(scope, scope_id)
    names = Limit.__struct_fields__
    merged: list[Any] = [getattr(given, name) or getattr(own, name) for name in names]
    return (yield from write_limit(scope, scope_id, Limit(*merged)))


def delete_limit(scope: Scope, scope_id: str) -> Script[None]:
    """Take its own limits from a key or project.

    Raises:
        KeyUnknown: There is no such key.
        ProjectUnknown: There is no such project.

    """
    yield from _require(scope, scope_id)
    yield Query("DELETE FROM limits WHERE scope = ? AND scope_id = ?", (scope, scope_id))
    yield CHANGED


_FIND = {
    "key": ("SELECT 1 FROM keys WHERE id = ?", KeyUnknown),
    "project": ("SELECT 1 FROM projects WHERE id = ?", ProjectUnknown),
}


def _require(scope: Scope, scope_id: str) -> Script[None]:
    find, unknown = _FIND[scope]
    # What is not printable is no id, and no text to PostgreSQL.
    rows = (yield Query(find, (scope_id,))) if scope_id.isascii() and scope_id.isprintable() else []
    if not rows:
        # The id is not repeated: it may be a key that was pasted here by mistake.
        raise unknown(param="scope_id")
