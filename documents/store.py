"""The SQL of documents: each is in a project once by its bytes, and found until it is deleted."""

import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from documents.document import Document, Format
from documents.errors import DocumentUnknown, ProjectFull, UploadExpired
from storage.script import Query, Script

COLUMNS = "id, project_id, name, format, size, state, created_at, tokens, passages, error, subject, key_id"
_SHOWN = "state <> 'deleting'"
_FIND = f"SELECT {COLUMNS} FROM documents WHERE id = ? AND project_id = ? AND {_SHOWN}"  # noqa: S608 - constants
# Two that finish at once in a project pass here one after the other, and the second sees what the first added.
_LOCK_PROJECT = "SELECT id FROM projects WHERE id = ? ORDER BY id"
_SAME = "SELECT id, state FROM documents WHERE project_id = ? AND digest = ? ORDER BY id"
_INSERT = """
    INSERT INTO documents (id, project_id, name, format, digest, size, state, created_at, subject, key_id, upload,
                           claimed_until_ns, tries, due_ns)
    VALUES (?, ?, ?, ?, ?, ?, 'processing', ?, ?, ?, ?, 0, 0, 0)
"""
_ANEW = """
    UPDATE documents SET state = 'processing', name = ?, format = ?, subject = ?, key_id = ?, upload = ?, error = NULL,
           tokens = NULL, passages = NULL, claimed_by = NULL, claimed_until_ns = 0, tries = 0, due_ns = 0
    WHERE id = ?
"""
# The bytes may be uploaded again while what was made of the old ones is still being removed.
_HIDE = """
    UPDATE documents SET state = 'deleting', digest = 'deleting:' || id, claimed_by = NULL, claimed_until_ns = ?,
           tries = 0, due_ns = 0
    WHERE id = ? AND project_id = ? AND state <> 'deleting' RETURNING upload
"""
_GONE = """
    DELETE FROM documents WHERE id = ? AND state = 'deleting'
    AND NOT EXISTS (SELECT 1 FROM passages WHERE document_id = documents.id)
"""


class DocumentPage(Struct, frozen=True):
    """Some documents of a project in the order of their ids, and how many it has in all."""

    rows: list[Document]
    total: int
    has_more: bool


class Arrival(Struct, frozen=True, kw_only=True):
    """An upload whose bytes are all there.

    `upload` is the id that its chunks lie under, `chunks` how many there are, `rest` the bytes behind them; `digest` is
    the SHA-256 of all.
    """

    upload: str
    chunks: int
    rest: bytes
    project_id: str
    name: str
    format: Format
    digest: str
    size: int
    subject: str
    key_id: str | None


def new_id() -> str:
    """Return a UUID that sorts by age.

    Source: RFC 9562, section 5.7 (version 7).
    """
    stamped = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return str(uuid.UUID(int=stamped & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def arrived(arrival: Arrival, most: int) -> Script[Document]:
    """Make a document of an upload, unless its project has one of the same bytes; of that, the failed one starts anew.

    Args:
        arrival: The upload. Its chunks are the document's if and only if the document's `upload` names them after.
        most: How many documents the project may have.

    Raises:
        ProjectFull: It has as many already.
        UploadExpired: Some of its chunks were taken for abandoned.

    """
    yield Query(_LOCK_PROJECT, (arrival.project_id,), locks=True)
    same = yield Query(_SAME, (arrival.project_id, arrival.digest), locks=True)
    if same and same[0][1] != "failed":
        return (yield from found(arrival.project_id, same[0][0]))
    rows = yield Query("SELECT COUNT(*) FROM document_chunks WHERE document_id = ?", (arrival.upload,))
    if rows[0][0] != arrival.chunks:
        raise UploadExpired
    document = same[0][0] if same else arrival.upload
    if same:
        told = (arrival.name, arrival.format, arrival.subject, arrival.key_id)
        yield Query(_ANEW, (*told, arrival.upload, document))
    else:
        yield from _check_room(arrival.project_id, most)
        yield from _insert(arrival)
    return (yield from found(arrival.project_id, document))


def found(project_id: str, document_id: str) -> Script[Document]:
    """Return a document of a project.

    Raises:
        DocumentUnknown: It has none of this id.

    """
    rows = yield Query(_FIND, (document_id, project_id))
    if not rows:
        raise DocumentUnknown(document_id[:128])
    return document_of(rows[0])


def page_of(project_id: str, after: str, limit: int) -> Script[DocumentPage]:
    """Return the documents of a project behind the id `after`, `limit` at most."""
    select = f"SELECT {COLUMNS} FROM documents WHERE project_id = ? AND id > ? AND {_SHOWN} ORDER BY id LIMIT ?"  # noqa: S608 - constants
    rows = yield Query(select, (project_id, after, limit + 1))
    total = yield from _count(project_id)
    return DocumentPage([document_of(row) for row in rows[:limit]], total, has_more=len(rows) > limit)


def hidden(project_id: str, document_id: str, until_ns: int) -> Script[str | None]:
    """Make a document one that is being deleted: nobody finds it any more, and who works on it may write no more.

    Nobody else takes over what is left to do before `until_ns`.

    Returns:
        What its chunks lie under, if there are any.

    Raises:
        DocumentUnknown: The project has none of this id.

    """
    rows = yield Query(_HIDE, (until_ns, document_id, project_id))
    if not rows:
        raise DocumentUnknown(document_id[:128])
    return rows[0][0]


def gone(document_id: str) -> Script[None]:
    """Forget a hidden document, unless another process still removes passages of it."""
    yield Query(_GONE, (document_id,))


def document_of(row: tuple[Any, ...]) -> Document:
    """Return the document of a row of `COLUMNS`; why a try failed is not told before the last one did."""
    number, project_id, name, form, size, state, created_at, tokens, passages, error, subject, key_id = row
    return Document(
        id=number,
        project_id=project_id,
        name=name,
        format=form,
        size=size,
        state=state,
        created_at=datetime.fromisoformat(created_at),
        tokens=tokens,
        passages=passages,
        error=error if state == "failed" else None,
        subject=subject,
        key_id=key_id,
    )


def _check_room(project_id: str, most: int) -> Script[None]:
    # The first count reads the index alone.
    rows = yield Query("SELECT COUNT(*) FROM documents WHERE project_id = ?", (project_id,))
    if rows[0][0] >= most and (yield from _count(project_id)) >= most:
        raise ProjectFull(f"{most}")


def _count(project_id: str) -> Script[int]:
    rows = yield Query(f"SELECT COUNT(*) FROM documents WHERE project_id = ? AND {_SHOWN}", (project_id,))  # noqa: S608 - constants
    return rows[0][0]


def _insert(arrival: Arrival) -> Script[None]:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    what = (arrival.project_id, arrival.name, arrival.format, arrival.digest, arrival.size)
    yield Query(_INSERT, (arrival.upload, *what, now, arrival.subject, arrival.key_id, arrival.upload))
