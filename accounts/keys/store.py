"""The keys' SQL: every statement that concerns one project names it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.errors import KeyEnded, KeyUnknown, LifeTooLong, ProjectUnknown, ServiceAccountUnknown
from accounts.pages import Cut, Page, rows_of
from accounts.revision import CHANGED
from storage.script import Query, Script, places
from storage.statement import Row

COLUMNS = "k.id, k.kind, k.project_id, k.service_account_id, k.name, k.masked, k.scopes, k.created_at, k.expires_at"
_SELECT = f"SELECT {COLUMNS}, k.last_used_at FROM keys k"  # noqa: S608 - names of ours, never input
# Whose key it is counts too: an archived project has no keys that open.
_OPEN = "k.revoked_at IS NULL AND (k.project_id = '' OR p.archived_at IS NULL AND p.id IS NOT NULL)"
_LOOKUP = f"""
    SELECT {COLUMNS}, k.last_used_at, k.digest FROM keys k LEFT JOIN projects p ON p.id = k.project_id WHERE {_OPEN}
"""  # noqa: S608 - names of ours, never input
_INSERT = (
    "INSERT INTO keys (id, kind, project_id, service_account_id, name, masked, scopes, created_at, expires_at, digest, "
    "maker_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SERVICE_ACCOUNT = "SELECT id, name, created_at FROM service_accounts WHERE id = ? AND project_id = ?"

MOST_AT_ONCE = 500

Found = tuple[tuple[Any, ...], str | None]


def insert(row: Row, project_id: str, service_account_id: str | None, maker_id: str | None) -> Script[None]:
    """Add a key of an open project, maybe made with another key; the organisation's id is ''."""
    if project_id:
        yield from open_project(project_id)
    if service_account_id is not None:
        # It must not be removed before its key is there to be revoked with it.
        yield from service_account_to_change(service_account_id, project_id)
    if maker_id is not None:
        yield from _check_maker(maker_id, row)
    yield Query(_INSERT, (*row, maker_id))
    yield CHANGED


def _check_maker(maker_id: str, made: Row) -> Script[None]:
    """Check that the key that makes one may still do so; it is as it is until the transaction ends."""
    sql = "SELECT expires_at FROM keys WHERE id = ? AND revoked_at IS NULL ORDER BY id"
    rows = yield Query(sql, (maker_id,), locks=True)
    if not rows:
        raise KeyEnded
    latest, ends_at = rows[0][0], made[COLUMNS.split(", ").index("k.expires_at")]
    if isinstance(latest, str) and not (isinstance(ends_at, str) and ends_at <= latest):
        raise LifeTooLong(param="expires_in_seconds")


def open_project(project_id: str) -> Script[None]:
    """Check that a project is there and not archived; it stays so until the transaction ends."""
    rows = yield Query(
        "SELECT id FROM projects WHERE id = ? AND archived_at IS NULL ORDER BY id", (project_id,), locks=True
    )
    if not rows:
        raise ProjectUnknown(project_id[:128])


def service_account(account_id: str, project_id: str) -> Script[tuple[Any, ...]]:
    """Return a service account's id, name and time of creation."""
    rows = yield Query(_SERVICE_ACCOUNT, (account_id, project_id))
    if not rows:
        raise ServiceAccountUnknown
    return rows[0]


def service_account_to_change(account_id: str, project_id: str) -> Script[None]:
    """Check that a service account is there; it stays so, and as it is, until the transaction ends."""
    rows = yield Query(f"{_SERVICE_ACCOUNT} ORDER BY id", (account_id, project_id), locks=True)
    if not rows:
        raise ServiceAccountUnknown


def by_digests(digests: Sequence[str], now: str) -> Script[Found | None]:
    """Return the key that one of these digests opens, and when a value that was rotated out stops opening it."""
    marks = places(len(digests))
    rows = yield Query(f"{_LOOKUP} AND k.digest IN ({marks})", tuple(digests))
    old = yield Query(
        f"SELECT key_id, expires_at FROM rotated_keys WHERE digest IN ({marks}) AND expires_at > ?",  # noqa: S608 - placeholders
        (*digests, now),
    )
    if rows:
        return rows[0], None
    if not old:
        return None
    rows = yield Query(f"{_LOOKUP} AND k.id = ?", (old[0][0],))
    return (rows[0], old[0][1]) if rows else None


def by_value_mark(key_id: str, mark: str, now: str) -> Script[Found | None]:
    """Return the key of this id if a digest that begins with `mark` opens it, and until when if it was rotated out."""
    rows = yield Query(f"{_LOOKUP} AND k.id = ?", (key_id,))
    if not rows:
        return None
    if rows[0][-1].startswith(mark):
        return rows[0], None
    old = yield Query("SELECT digest, expires_at FROM rotated_keys WHERE key_id = ? AND expires_at > ?", (key_id, now))
    return next(((rows[0], expires_at) for digest, expires_at in old if digest.startswith(mark)), None)


def find(key_id: str, project_id: str, kinds: Sequence[str]) -> Script[tuple[Any, ...]]:
    """Return a key that is not revoked."""
    rows = yield Query(
        f"{_SELECT} WHERE k.revoked_at IS NULL AND k.id = ? AND k.project_id = ? AND k.kind IN ({places(len(kinds))})",
        (key_id, project_id, *kinds),
    )
    if not rows:
        raise KeyUnknown
    return rows[0]


def anywhere(key_id: str) -> Script[tuple[Any, ...]]:
    """Return a key that is not revoked, whosever it is: for whoever has the database itself."""
    rows = yield Query(f"{_SELECT} WHERE k.revoked_at IS NULL AND k.id = ?", (key_id,))
    if not rows:
        raise KeyUnknown
    return rows[0]


def listed(project_id: str, kinds: Sequence[str], cut: Cut) -> Script[Page[tuple[Any, ...]]]:
    """Return keys that are not revoked, oldest first unless the cut says otherwise."""
    return (
        yield from rows_of(
            f"{_SELECT} WHERE k.revoked_at IS NULL AND k.project_id = ? AND k.kind IN ({places(len(kinds))})",
            (project_id, *kinds),
            cut,
            "k.id",
        )
    )


def revoke(key_id: str, project_id: str, kinds: Sequence[str], now: str) -> Script[None]:
    """End a key for good, and those that were made with it."""
    yield from find(key_id, project_id, kinds)
    yield from end_all("id = ?", key_id, now)
    yield CHANGED


def end_all(condition: str, value: str, now: str) -> Script[None]:
    """Revoke keys, those that were made with them, and so on.

    Args:
        condition: Which are the first, as SQL of ours with one placeholder.
        value: Of the placeholder.
        now: Time in UTC as it is kept.

    """
    waiting: list[tuple[str, tuple[str, ...]]] = [(condition, (value,))]
    while waiting:
        which, values = waiting.pop()
        sql = f"SELECT id FROM keys WHERE {which} AND revoked_at IS NULL ORDER BY id LIMIT {MOST_AT_ONCE}"  # noqa: S608 - constants
        while rows := (yield Query(sql, values, locks=True)):
            ids = tuple(key_id for (key_id,) in rows)
            marks = places(len(ids))
            yield Query(f"UPDATE keys SET revoked_at = ? WHERE id IN ({marks})", (now, *ids))  # noqa: S608 - placeholders
            yield Query(f"DELETE FROM rotated_keys WHERE key_id IN ({marks})", ids)  # noqa: S608 - placeholders
            # Looked for when their makers are revoked: whoever makes a key holds its maker's row until it is there.
            waiting.append((f"maker_id IN ({marks})", ids))


def _shorten_made(key_id: str, expires_at: str) -> Script[None]:
    """End the keys that were made with one, and so on, no later than it."""
    waiting = [key_id]
    while waiting:
        makers, waiting = waiting[-MOST_AT_ONCE:], waiting[:-MOST_AT_ONCE]
        rows = yield Query(
            f"UPDATE keys SET expires_at = ? WHERE maker_id IN ({places(len(makers))}) "  # noqa: S608 - placeholders
            "AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) RETURNING id",
            (expires_at, *makers, expires_at),
        )
        waiting += [made for (made,) in rows]


def rotate(key_id: str, project_id: str, fresh: tuple[str, str], now: str, ends_at: str) -> Script[tuple[Any, ...]]:
    """Give a key a new digest and mask; the old digest opens it until `ends_at`, or for as long as the key lives."""
    rows = yield Query(
        "SELECT digest, expires_at FROM keys WHERE id = ? AND project_id = ? AND revoked_at IS NULL ORDER BY id",
        (key_id, project_id),
        locks=True,
    )
    if not rows:
        raise KeyUnknown
    digest, expires_at = rows[0]
    if expires_at is not None and expires_at <= now:
        raise KeyEnded
    yield Query("DELETE FROM rotated_keys WHERE expires_at <= ?", (now,))
    if ends_at > now:
        yield Query("INSERT INTO rotated_keys (digest, key_id, expires_at) VALUES (?, ?, ?)", (digest, key_id, ends_at))
    yield Query("UPDATE keys SET digest = ?, masked = ? WHERE id = ?", (*fresh, key_id))
    yield CHANGED
    rows = yield Query(f"{_SELECT} WHERE k.id = ?", (key_id,))
    return rows[0]


def change(key_id: str, project_id: str, scopes: str | None, expires_at: str | None, now: str) -> Script[Any]:
    """Replace the scopes, the end, or both; None leaves what is there."""
    row = yield from find(key_id, project_id, ("project", "prompt"))
    if row[8] is not None and row[8] <= now:
        raise KeyEnded
    yield Query(
        "UPDATE keys SET scopes = COALESCE(?, scopes), expires_at = COALESCE(?, expires_at) WHERE id = ?",
        (scopes, expires_at, key_id),
    )
    if expires_at is not None:
        yield from _shorten_made(key_id, expires_at)
    yield CHANGED
    return (yield from find(key_id, project_id, ("project", "prompt")))


def note_uses(uses: Sequence[tuple[str, datetime]], before: Sequence[str]) -> Script[None]:
    """Write when keys were last used, unless another process did so less than a minute before."""
    for (key_id, used_at), bound in zip(uses, before, strict=True):
        yield Query(
            "UPDATE keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
            (used_at.isoformat(timespec="microseconds"), key_id, bound),
        )
