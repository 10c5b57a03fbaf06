"""The alerts' SQL: each is left once, claimed by one sender at a time, and kept for 400 days once sent."""

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from accounts.errors import AlertUnknown
from storage.script import Query, Script
from storage.statement import Row

KEPT_FOR = timedelta(days=400)
_COLUMNS = (
    "id, budget_id, window_id, threshold, recipients, unserved, subject, body, created_at, sent_at, tries, due_ns, "
    "failure"
)
_INSERT = """
    INSERT INTO alerts (id, budget_id, window_id, threshold, recipients, unserved, subject, body, created_at, tries,
                        due_ns, claimed_until_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0) ON CONFLICT DO NOTHING
"""
_IS_THERE = "SELECT 1 FROM alerts WHERE window_id = ? AND threshold = ?"
_DUE = "sent_at IS NULL AND unserved <> '[]' AND due_ns <= ? AND claimed_until_ns <= ?"
_ANY_DUE = f"SELECT 1 FROM alerts WHERE {_DUE} LIMIT 1"  # noqa: S608 - names of ours, never input
# The condition stands twice: who waited for another's claim looks at the row again, and finds it taken.
_CLAIM = f"""
    UPDATE alerts SET claimed_until_ns = ?, tries = tries + 1
    WHERE {_DUE} AND id = (SELECT id FROM alerts WHERE {_DUE} ORDER BY due_ns, id LIMIT 1)
    RETURNING {_COLUMNS}
"""  # noqa: S608 - names of ours, never input
_SENT = "UPDATE alerts SET sent_at = ?, unserved = '[]', claimed_until_ns = 0, failure = NULL WHERE id = ?"
_FAILED = """
    UPDATE alerts SET unserved = ?, due_ns = ?, claimed_until_ns = 0, failure = ? WHERE id = ? AND sent_at IS NULL
"""
_FORGET = "DELETE FROM alerts WHERE sent_at < ?"
_PLACE = "SELECT created_at, id FROM alerts WHERE id = ?"
_LIST = f"SELECT {_COLUMNS} FROM alerts ORDER BY created_at DESC, id DESC LIMIT ?"  # noqa: S608 - names of ours
_LIST_AFTER = f"""
    SELECT {_COLUMNS} FROM alerts WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?
"""  # noqa: S608 - names of ours, never input


class Draft(Struct, frozen=True, kw_only=True):
    """A mail to be left: `threshold` in per cent of the budget's limit."""

    id: str
    budget_id: str
    window_id: str
    threshold: int
    recipients: tuple[str, ...]
    subject: str
    body: str


class Alert(Struct, frozen=True, kw_only=True):
    """A mail that was left, and how far it got.

    `unserved` are the recipients who still wait for it, `due_ns` is when it is tried next, in nanoseconds of the
    epoch, and `failure` is what kept the last try from succeeding.
    """

    id: str
    budget_id: str
    window_id: str
    threshold: int
    recipients: tuple[str, ...]
    unserved: tuple[str, ...]
    subject: str
    body: str
    created_at: datetime
    sent_at: datetime | None
    tries: int
    due_ns: int
    failure: str | None

    @property
    def state(self) -> str:
        """`sent`, `waiting`, or `unaddressed` when there is nobody to send it to."""
        if self.sent_at is not None:
            return "sent"
        return "waiting" if self.unserved else "unaddressed"


def is_there(window_id: str, threshold: int) -> Script[bool]:
    """Say whether a window has a mail of this threshold already."""
    return bool((yield Query(_IS_THERE, (window_id, threshold))))


def insert(draft: Draft, now_ns: int) -> Script[None]:
    """Leave a mail, due at once; nothing happens when its window has one of this threshold."""
    recipients = _json(draft.recipients)
    who = (draft.id, draft.budget_id, draft.window_id, draft.threshold)
    yield Query(_INSERT, (*who, recipients, recipients, draft.subject, draft.body, _iso(now_ns), now_ns))


def any_due(now_ns: int) -> Script[bool]:
    """Say whether a mail waits for a sender; it costs no write."""
    return bool((yield Query(_ANY_DUE, (now_ns, now_ns))))


def claim(now_ns: int, until_ns: int) -> Script[Alert | None]:
    """Take the mail that has been due for longest, until `until_ns`; None when there is none or another took it."""
    rows = yield Query(_CLAIM, (until_ns, now_ns, now_ns, now_ns, now_ns))
    return _alert(rows[0]) if rows else None


def sent(alert: str, now_ns: int) -> Script[None]:
    """Note that every recipient was served."""
    yield Query(_SENT, (_iso(now_ns), alert))


def failed(alert: str, unserved: tuple[str, ...], due_ns: int, failure: str) -> Script[None]:
    """Note who was not served, why, and when to try again."""
    yield Query(_FAILED, (_json(unserved), due_ns, failure, alert))


def forget_old(now_ns: int) -> Script[None]:
    """Delete what was sent 400 days ago; what was not is kept."""
    yield Query(_FORGET, (_text(_moment(now_ns) - KEPT_FOR),))


def listed(limit: int, after: str | None) -> Script[list[Alert]]:
    """Return alerts, newest first, beginning behind the one named.

    Raises:
        AlertUnknown: There is none of that id.

    """
    if after is None:
        rows = yield Query(_LIST, (limit,))
    else:
        place = yield Query(_PLACE, (after,))
        if not place:
            raise AlertUnknown
        rows = yield Query(_LIST_AFTER, (*place[0], limit))
    return [_alert(row) for row in rows]


def _alert(row: Row) -> Alert:
    values = dict(zip(Alert.__struct_fields__, row, strict=True))
    texts = {name: msgspec.json.decode(str(values[name])) for name in ("recipients", "unserved")}
    return msgspec.convert(values | texts, Alert)


def _json(texts: tuple[str, ...]) -> str:
    return msgspec.json.encode(texts).decode()


def _moment(now_ns: int) -> datetime:
    return datetime.fromtimestamp(now_ns / 1e9, UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _iso(now_ns: int) -> str:
    return _text(_moment(now_ns))
