"""The SQL of requests that are sent again: a row claims a key, and later holds the answer."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from storage.script import Query, Script
from storage.statement import Row, Statement, insert_into

SLICE = 200  # rows, each of which may hold a long answer
_COLUMNS = ("project_id", "key", "digest", "owner", "request_id", "expires_ns", "status", "headers", "body")
_INSERT = insert_into("idempotency", _COLUMNS, rank=3)
# Whoever lost the claim, being thought dead, does not overwrite the answer of the next.
ANSWER = Statement(
    action="upsert",
    table="idempotency",
    columns=_COLUMNS,
    rank=_INSERT.rank,
    head=_INSERT.head,
    row=_INSERT.row,
    tail=(
        " ON CONFLICT (project_id, key) DO UPDATE SET expires_ns = excluded.expires_ns, status = excluded.status,"
        " headers = excluded.headers, body = excluded.body WHERE idempotency.request_id = excluded.request_id"
    ),
)
# One statement: of many at once, one gets a row back.
_CLAIM = """
    INSERT INTO idempotency (project_id, key, digest, owner, request_id, expires_ns) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (project_id, key) DO UPDATE SET digest = excluded.digest, owner = excluded.owner,
        request_id = excluded.request_id, expires_ns = excluded.expires_ns, status = NULL, headers = NULL, body = NULL
    WHERE idempotency.expires_ns <= ?
    RETURNING request_id
"""
_FOUND = "SELECT digest, request_id, status, headers, body FROM idempotency WHERE project_id = ? AND key = ?"
_RELEASE = "DELETE FROM idempotency WHERE project_id = ? AND key = ? AND request_id = ? AND status IS NULL"
_RELEASE_OF = "DELETE FROM idempotency WHERE owner = ? AND status IS NULL"
_OLD = """
    SELECT project_id, key FROM idempotency WHERE expires_ns <= ? ORDER BY expires_ns, project_id, key LIMIT ?
"""
_ANSWERED = """
    SELECT key, body FROM idempotency WHERE project_id = ? AND key > ? AND status IS NOT NULL ORDER BY key LIMIT ?
"""
_FORGET_ANSWER = "DELETE FROM idempotency WHERE project_id = ? AND key = ? AND status IS NOT NULL"
_FORGET = "DELETE FROM idempotency WHERE project_id = ? AND key = ? AND expires_ns <= ?"


class Claim(Struct, frozen=True):
    """The right of one request to run under a key of its project."""

    project_id: str
    key: str
    digest: str
    owner: str
    request_id: str


class Claimed(Struct, frozen=True):
    """Nobody had it: run."""


class Stored(Struct, frozen=True):
    """The answer that was given: write it again."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Differs(Struct, frozen=True):
    """The key belongs to another request."""


class Running(Struct, frozen=True):
    """The request is being served by somebody who lives."""


Outcome = Claimed | Stored | Differs | Running


def claim(claim: Claim, now_ns: int, expires_ns: int) -> Script[Outcome]:
    """Claim a key, or say what stands in the way; a row whose time is over does not.

    Args:
        claim: Whose key, for what, by whom.
        now_ns: Time of the database's clock, in nanoseconds of the epoch.
        expires_ns: When the claim ends by itself.

    """
    who = (claim.project_id, claim.key)
    taken = yield Query(_CLAIM, (*who, claim.digest, claim.owner, claim.request_id, expires_ns, now_ns))
    if taken:
        return Claimed()
    rows = yield Query(_FOUND, who)
    if not rows:
        # It went between the two statements; the client comes back at once.
        return Running()
    digest, request_id, status, headers, body = rows[0]
    if digest != claim.digest:
        return Differs()
    if status is None:
        # A transaction that is run again after a cut may find what it did itself.
        return Claimed() if request_id == claim.request_id else Running()
    return Stored(status, msgspec.json.decode(headers, type=tuple[tuple[str, str], ...]), bytes(body))


def answer_row(claim: Claim, answer: Stored, expires_ns: int) -> Row:
    """Return the row of ANSWER that keeps an answer until then."""
    headers = msgspec.json.encode(answer.headers).decode()
    who = (claim.project_id, claim.key, claim.digest, claim.owner, claim.request_id)
    return (*who, expires_ns, answer.status, headers, answer.body)


def release(claims: Sequence[Claim]) -> Script[None]:
    """End claims that have no answer."""
    for claim in sorted(claims, key=lambda each: (each.project_id, each.key)):
        yield Query(_RELEASE, (claim.project_id, claim.key, claim.request_id))


def release_of(owner: str) -> Query:
    """Return the step that ends the claims of a dead process; what it answered stays."""
    return Query(_RELEASE_OF, (owner,))


def forget_some(now_ns: int) -> Script[bool]:
    """Delete some rows whose time is over; return whether there may be more."""
    old = yield Query(_OLD, (now_ns, SLICE), locks=True)
    for project_id, key in old:
        yield Query(_FORGET, (project_id, key, now_ns))
    return len(old) == SLICE


def answers_naming(project_id: str, name: bytes, after: str) -> Script[tuple[list[str], str | None]]:
    """Look for a name in the answers of a project, the next ones behind the key `after`.

    Returns:
        The keys whose answers hold it; the last key that was looked at, None when there are no more.

    """
    rows = yield Query(_ANSWERED, (project_id, after, SLICE))
    return [key for key, body in rows if body and name in body], rows[-1][0] if len(rows) == SLICE else None


def forget_answers(project_id: str, keys: Sequence[str]) -> Script[None]:
    """Forget the answers that a project has under these keys."""
    for key in keys:
        yield Query(_FORGET_ANSWER, (project_id, key))
