"""Claims on documents: one worker at a time, known by a token, until it ends its work or is silent for too long."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from documents.document import Document
from documents.store import COLUMNS, document_of
from storage.script import Query, Script

MOST_TRIES = 20  # with the usual pauses, a good hour
_TRIES_OF_A_DEATH = 4  # a document that ends five workers ends itself
_TAKE = "UPDATE documents SET claimed_by = ?, claimed_until_ns = ?, tries = ? WHERE id = ?"
_MINE = "SELECT id FROM documents WHERE id = ? AND claimed_by = ? ORDER BY id"
_FREE = "claimed_by = NULL, claimed_until_ns = 0"
_NO_MORE_TRIES = f"{_FREE}, tries = 0, due_ns = 0"
_READY = f"""
    UPDATE documents SET state = 'ready', tokens = ?, passages = ?, indexed_by = ?, error = NULL, upload = NULL,
           {_NO_MORE_TRIES} WHERE id = ?
"""  # noqa: S608 - constants
_FAILED = f"UPDATE documents SET state = 'failed', error = ?, upload = NULL, {_NO_MORE_TRIES} WHERE id = ?"  # noqa: S608 - constants
_LATER = f"UPDATE documents SET error = ?, due_ns = ?, tries = ?, {_FREE} WHERE id = ? AND claimed_by = ?"  # noqa: S608 - constants
_BACK = f"UPDATE documents SET tries = tries - 1, {_FREE} WHERE id = ? AND claimed_by = ?"  # noqa: S608 - constants
_RENEW = "UPDATE documents SET claimed_until_ns = ? WHERE id = ? AND claimed_by = ? RETURNING id"


class ClaimLost(Exception):
    """Another works on the document now, or it is being deleted."""


class Work(Struct, frozen=True):
    """What is to be done for documents that match a condition."""

    condition: str
    values: tuple[str, ...] = ()


PROCESSING = Work("state = 'processing'")
DELETING = Work("state = 'deleting'")


class Claim(Struct, frozen=True, kw_only=True):
    """The right to work on a document.

    Attributes:
        document: As it was when it was claimed.
        token: What the right is known by.
        upload: What its bytes lie under, if they are still there.
        tries: How often the work was begun, this time too; a worker that died counts for more.
        error: Why the last try failed.
        remains: Whether an earlier try left passages.

    """

    document: Document
    token: str
    upload: str | None
    tries: int
    error: str | None
    remains: bool

    @property
    def id(self) -> str:
        """The document's id."""
        return self.document.id


def stale(indexed_by: str) -> Work:
    """Return the work on documents that are ready, but whose vectors are of another model or index."""
    return Work("state = 'ready' AND (indexed_by IS NULL OR indexed_by <> ?)", (indexed_by,))


def waits(work: Work, now_ns: int) -> Script[bool]:
    """Say whether there is work that nobody does."""
    return bool((yield Query(*_first(work, now_ns, ""))))


def claim(work: Work, now_ns: int, until_ns: int, token: str, after: str) -> Script[Claim | None]:
    """Claim the oldest document of the next project that waits.

    Args:
        work: Which documents.
        now_ns: The database's time.
        until_ns: When the claim ends unless it is renewed.
        token: What the claim is known by.
        after: The project whose turn was last; the projects take turns in the order of their ids.

    """
    rows = yield Query(*_first(work, now_ns, after), skips_locked=True)
    if not rows and after:
        rows = yield Query(*_first(work, now_ns, ""), skips_locked=True)
    if not rows:
        return None
    *columns, upload, tries, error, died = rows[0]
    document = document_of(tuple(columns))
    tries += 1 if died is None else _TRIES_OF_A_DEATH
    yield Query(_TAKE, (token, until_ns, tries, document.id))
    remains = yield Query("SELECT id FROM passages WHERE document_id = ? ORDER BY number LIMIT 1", (document.id,))
    return Claim(document=document, token=token, upload=upload, tries=tries, error=error, remains=bool(remains))


def mine(held: Claim) -> Callable[[], Script[None]]:
    """Return what makes sure that a claim holds, and goes on to do so until the transaction ends."""

    def check() -> Script[None]:
        if not (yield Query(_MINE, (held.id, held.token), locks=True)):
            raise ClaimLost

    return check


def renewed(held: Claim, until_ns: int) -> Script[bool]:
    """Hold a claim for longer; False when it is lost."""
    return bool((yield Query(_RENEW, (until_ns, held.id, held.token))))


def given_back(held: Claim) -> Script[None]:
    """Let another begin at once, as if this try had never been."""
    yield Query(_BACK, (held.id, held.token))


def put_off(held: Claim, reason: str, due_ns: int, tries: int) -> Script[None]:
    """Try again later; `tries` is how many are counted so far."""
    yield Query(_LATER, (reason, due_ns, tries, held.id, held.token))


def made_ready(held: Claim, tokens: int | None, passages: int | None, indexed_by: str | None) -> Script[None]:
    """End the work well.

    Raises:
        ClaimLost: It is not for the caller to do any more.

    """
    yield from mine(held)()
    yield Query(_READY, (tokens, passages, indexed_by, held.id))


def failed(held: Claim, reason: str) -> Script[None]:
    """End the work for good without success; nothing names its chunks any more.

    Raises:
        ClaimLost: It is not for the caller to do any more.

    """
    yield from mine(held)()
    yield Query(_FAILED, (reason, held.id))


def _first(work: Work, now_ns: int, after: str) -> tuple[str, tuple[Any, ...]]:
    sql = f"""
        SELECT {COLUMNS}, upload, tries, error, claimed_by FROM documents
        WHERE {work.condition} AND due_ns <= ? AND claimed_until_ns <= ? AND project_id > ?
        ORDER BY project_id, id LIMIT 1
    """  # noqa: S608 - constants
    return sql, (*work.values, now_ns, now_ns, after)
