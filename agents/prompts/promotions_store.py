"""The SQL of promotions: what comes into production, what leaves it, and the way back."""

from datetime import datetime

from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import Promotion, Version
from agents.prompts.store import Locked, touched
from agents.prompts.versions_store import numbered
from storage.script import Query, Script

MOST_ROWS = 1_000
_PRODUCTION = "SELECT version FROM prompt_versions WHERE prompt_id = ? AND state = 'PRODUCTION'"
_ARCHIVE = "UPDATE prompt_versions SET state = 'ARCHIVED', archived_at = ?, updated_at = ? WHERE prompt_id = ?"
_PROMOTE = """
    UPDATE prompt_versions SET state = 'PRODUCTION', promoted_at = ?, archived_at = NULL, updated_at = ?
    WHERE prompt_id = ? AND version = ?
"""
_COLUMNS = "number, version, replaced, back_to, at, author"
_SELECT = f"SELECT {_COLUMNS} FROM prompt_promotions WHERE prompt_id = ?"  # noqa: S608 - constants
_INSERT = f"INSERT INTO prompt_promotions ({_COLUMNS}, prompt_id) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants


def promoted(prompt: Locked, number: int, author: str, moment: str) -> Script[Version]:
    """Put a version in production and archive the one that is; it may be in production already.

    Raises:
        PromptUnknown: There is none of this number.

    """
    version = yield from numbered(prompt.id, prompt.name, number)
    if version.state == "PRODUCTION":
        return version
    return (yield from _put_in_production(prompt, number, None, author, moment))


def archived(prompt: Locked, number: int, moment: str) -> Script[Version]:
    """Archive a version; if it is in production, none is there after.

    Raises:
        PromptUnknown: There is none of this number.

    """
    version = yield from numbered(prompt.id, prompt.name, number)
    if version.state == "ARCHIVED":
        return version
    yield Query(f"{_ARCHIVE} AND version = ?", (moment, moment, prompt.id, number))
    yield from touched(prompt.id, moment)
    return (yield from numbered(prompt.id, prompt.name, number))


def rolled_back(prompt: Locked, author: str, moment: str) -> Script[Version]:
    """Put the version in production that the promotion in force replaced; again, and it is the one before that.

    Raises:
        PromptInvalid: There is nothing to go back to.

    """
    last = yield from _last(prompt.id)
    in_force = last and (yield from _promotion(prompt.id, last.back_to or last.number))
    if in_force is None:
        raise PromptInvalid("There is nothing to go back to: no version was ever in production", param="name")
    if in_force.replaced is None:
        reason = f"There is nothing to go back to: version {in_force.version} took no other's place in production"
        raise PromptInvalid(f"{reason}; promote the version that you want", param="name")
    # What was in force when a promotion was made is what the one before it left in force.
    before = yield from _promotion(prompt.id, in_force.number - 1)
    if before is None:
        raise AssertionError("what was replaced was promoted before")
    return (yield from _put_in_production(prompt, in_force.replaced, before.back_to or before.number, author, moment))


def all_of(prompt_id: str) -> Script[list[Promotion]]:
    """Return the promotions of a prompt, the newest first: the last `MOST_ROWS`."""
    rows = yield Query(f"{_SELECT} ORDER BY number DESC LIMIT ?", (prompt_id, MOST_ROWS))
    return [_told(*row) for row in rows]


def _put_in_production(prompt: Locked, number: int, back_to: int | None, author: str, moment: str) -> Script[Version]:
    replaced = yield Query(_PRODUCTION, (prompt.id,))
    last = yield from _last(prompt.id)
    if last is not None:
        # The clocks of two replicas may be a moment apart.
        moment = max(moment, last.at.isoformat(timespec="microseconds"))
    # First the old one, as both databases look after each statement that no two are in production.
    yield Query(f"{_ARCHIVE} AND state = 'PRODUCTION'", (moment, moment, prompt.id))
    yield Query(_PROMOTE, (moment, moment, prompt.id, number))
    following = last.number + 1 if last else 1
    yield Query(_INSERT, (following, number, replaced[0][0] if replaced else None, back_to, moment, author, prompt.id))
    yield from touched(prompt.id, moment)
    return (yield from numbered(prompt.id, prompt.name, number))


def _last(prompt_id: str) -> Script[Promotion | None]:
    rows = yield Query(f"{_SELECT} ORDER BY number DESC LIMIT 1", (prompt_id,))
    return _told(*rows[0]) if rows else None


def _promotion(prompt_id: str, number: int) -> Script[Promotion | None]:
    rows = yield Query(f"{_SELECT} AND number = ?", (prompt_id, number))
    return _told(*rows[0]) if rows else None


def _told(number: int, version: int, replaced: int | None, back_to: int | None, at: str, author: str) -> Promotion:
    return Promotion(
        number=number,
        version=version,
        replaced=replaced,
        back_to=back_to,
        at=datetime.fromisoformat(at),
        author=author,
    )
