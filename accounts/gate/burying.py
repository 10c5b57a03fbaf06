"""What dead processes leave behind: their requests are closed, what they held is given back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from metering.hours import UPSERT_HOUR, rows_of_closed
from metering.ledger import Admission, admissions_in, close_as_unknown
from storage.journal import lines_in
from storage.owners import buried, owners
from storage.script import Database, Query, Script, Write

GRACE_NS = 15 * 10**9  # as long as a lease: who lives renews it meanwhile
_ORPHANS = """
    INSERT INTO owners (id, lease_until_ns)
    SELECT owner, CAST(? AS BIGINT) FROM (SELECT owner FROM holds UNION SELECT owner FROM open_requests) AS left_behind
    WHERE owner NOT IN (SELECT id FROM owners)
    ON CONFLICT (id) DO NOTHING
"""


def adopt_orphans(now_ns: int) -> Script[None]:
    """Give a lease to whoever holds something without one, so that it is renewed or ends.

    Who was buried while it slept may wake, let a request in, and die before it has taken a lease again.
    """
    yield Query(_ORPHANS, (now_ns + GRACE_NS,))


def bury(owner: str, admitted: Sequence[Admission]) -> Script[int]:
    """Close what a dead process had let in as `unknown`, give back what it held, end its claims.

    Args:
        owner: The process.
        admitted: What its journal says; what the database lists is closed too.

    Returns:
        How many requests were closed.

    """
    listed = yield Query("SELECT admission FROM open_requests WHERE owner = ?", (owner,))
    open_ = [*admitted, *[msgspec.json.decode(admission, type=Admission) for (admission,) in listed]]
    closed = yield from close_as_unknown(open_, datetime.now(UTC))
    if closed:
        # No other transaction closes these, so no other has rows of this name.
        yield Write(UPSERT_HOUR, rows_of_closed(closed, f"closed-{closed[0].request_id}"))
    yield Query("DELETE FROM open_requests WHERE owner = ?", (owner,))
    yield Query("DELETE FROM holds WHERE owner = ?", (owner,))
    yield Query("DELETE FROM idempotency WHERE owner = ? AND status IS NULL", (owner,))
    return len(closed)


async def bury_by_files(database: Database, locks: Path, journals: Path) -> int:
    """Bury every process whose lock is free; safe beside live ones and others that do the same.

    Args:
        database: What they wrote.
        locks: Where processes hold their locks.
        journals: Where they keep their journals, each under the name of its lock.

    Returns:
        How many requests were closed.

    Raises:
        StorageDown: The database cannot be written now; who was not buried will be, by the next that tries.

    """
    closed = 0
    for owner in sorted(owners(locks) | owners(journals)):
        with buried(locks, owner) as dead:
            if dead:
                journal = journals / owner
                admitted = admissions_in(lines_in(journal))
                closed += await database.write(lambda owner=owner, admitted=admitted: bury(owner, admitted))
                journal.unlink(missing_ok=True)
    return closed
