"""The SQL of versions and of the labels that lie on them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from accounts.pages import Page
from agents.messages import Message
from agents.prompts.errors import PromptInvalid, PromptUnknown, VersionFixed
from agents.prompts.names import can_be_found, label_meant
from agents.prompts.prompt import LATEST, PRODUCTION, Config, Content, Draft, State, Version, Which
from agents.prompts.store import Locked, echoed, touched
from storage.script import Query, Script
from storage.statement import Row

_LARGEST = 2**63 - 1  # of an integer in every database
_COLUMNS = "version, state, kind, messages, config, note, author, created_at, updated_at, promoted_at, archived_at"
_SELECT = f"SELECT {_COLUMNS} FROM prompt_versions WHERE prompt_id = ?"  # noqa: S608 - constants
_INSERT = """
    INSERT INTO prompt_versions
           (kind, messages, config, note, prompt_id, version, state, author, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, 'DRAFT', ?, ?, ?)
"""
_EDIT = """
    UPDATE prompt_versions SET kind = ?, messages = ?, config = ?, note = ?, updated_at = ?
    WHERE prompt_id = ? AND version = ?
"""
_LABEL = """
    INSERT INTO prompt_labels (prompt_id, label, version) VALUES (?, ?, ?)
    ON CONFLICT (prompt_id, label) DO UPDATE SET version = excluded.version
"""
_UNLABEL = "DELETE FROM prompt_labels WHERE prompt_id = ? AND version = ?"
_MESSAGES = msgspec.json.Decoder(tuple[Message, ...])
_CONFIG = msgspec.json.Decoder(Config)


def all_of(prompt_id: str) -> Script[list[Version]]:
    """Return the versions of a prompt, the newest first."""
    rows = yield Query(f"{_SELECT} ORDER BY version DESC", (prompt_id,))
    return (yield from _with_all_labels(prompt_id, rows))


def page_of(prompt_id: str, before: int | None, limit: int) -> Script[Page[Version]]:
    """Return some versions of a prompt, the newest first; `before` is a number that they are below."""
    select = f"{_SELECT} AND version < ? ORDER BY version DESC LIMIT ?"
    below = _LARGEST if before is None else max(0, min(before, _LARGEST))
    rows = yield Query(select, (prompt_id, below, limit + 1))
    return Page((yield from _with_all_labels(prompt_id, rows[:limit])), has_more=len(rows) > limit)


def version_of(prompt_id: str, name: str, which: Which) -> Script[Version]:
    """Return the version of a prompt that is meant.

    Raises:
        PromptInvalid: Both a number and a label are given.
        PromptUnknown: There is none such.

    """
    if which.version is not None:
        if which.label is not None:
            raise PromptInvalid("Give a version or a label, not both", param="label")
        return (yield from numbered(prompt_id, name, which.version))
    label = PRODUCTION if which.label is None else label_meant(which.label)
    condition, values = _labelled(prompt_id, label)
    rows = yield Query(f"{_SELECT} AND {condition}", (prompt_id, *values))
    if not rows:
        raise not_labelled(name, label)
    return (yield from _with_labels(prompt_id, rows[0]))


def numbered(prompt_id: str, name: str, number: int) -> Script[Version]:
    """Return the version of this number.

    Raises:
        PromptUnknown: There is none.

    """
    rows = (yield Query(f"{_SELECT} AND version = ?", (prompt_id, number))) if 0 < number <= _LARGEST else []
    if not rows:
        raise PromptUnknown(f"Prompt '{echoed(name)}' has no version {number}", param="version")
    return (yield from _with_labels(prompt_id, rows[0]))


def not_labelled(name: str, label: str) -> PromptUnknown:
    """Return what is raised where no version has a label; for the one of production it is the seed's text (3.1.3)."""
    if label == PRODUCTION:
        return PromptUnknown(f"Prompt '{echoed(name)}' not found or has no PRODUCTION version", param="promptName")
    if label == LATEST:
        return PromptUnknown(f"Prompt '{echoed(name)}' has no version", param="label")
    return PromptUnknown(f"Prompt '{echoed(name)}' has no version labelled '{echoed(label)}'", param="label")


def added(prompt: Locked, draft: Draft, author: str, moment: str) -> Script[Version]:
    """Make a draft of the next number."""
    number = prompt.next_version
    yield Query("UPDATE prompts SET next_version = ?, updated_at = ? WHERE id = ?", (number + 1, moment, prompt.id))
    yield Query(_INSERT, (*_told(draft), prompt.id, number, author, moment, moment))
    return (yield from numbered(prompt.id, prompt.name, number))


def edited(prompt: Locked, number: int, draft: Draft, moment: str) -> Script[Version]:
    """Write a draft anew.

    Raises:
        PromptUnknown: There is none of this number.
        VersionFixed: It is no draft any more.

    """
    yield from _check_draft(prompt, number)
    yield Query(_EDIT, (*_told(draft), moment, prompt.id, number))
    yield from touched(prompt.id, moment)
    return (yield from numbered(prompt.id, prompt.name, number))


def removed(prompt: Locked, number: int, moment: str) -> Script[None]:
    """Delete a draft; its number is not given again.

    Raises:
        PromptUnknown: There is none of this number.
        VersionFixed: It is no draft any more.

    """
    yield from _check_draft(prompt, number)
    yield Query(_UNLABEL, (prompt.id, number))
    yield Query("DELETE FROM prompt_versions WHERE prompt_id = ? AND version = ?", (prompt.id, number))
    yield from touched(prompt.id, moment)


def relabelled(prompt: Locked, number: int, labels: Sequence[str], moment: str) -> Script[Version]:
    """Put exactly these labels on a version, from wherever they are.

    Raises:
        PromptUnknown: There is none of this number.

    """
    yield from numbered(prompt.id, prompt.name, number)
    yield Query(_UNLABEL, (prompt.id, number))
    for label in labels:
        yield Query(_LABEL, (prompt.id, label, number))
    yield from touched(prompt.id, moment)
    return (yield from numbered(prompt.id, prompt.name, number))


def _check_draft(prompt: Locked, number: int) -> Script[None]:
    state: State = (yield from numbered(prompt.id, prompt.name, number)).state
    if state != "DRAFT":
        reason = f"Version {number} of '{echoed(prompt.name)}' is {state}"
        raise VersionFixed(f"{reason}, and only a DRAFT can be edited or deleted: add a new version", param="version")


def _labelled(prompt_id: str, label: str) -> tuple[str, Row]:
    if label == PRODUCTION:
        return "state = 'PRODUCTION'", ()
    if label == LATEST:
        return "version = (SELECT MAX(version) FROM prompt_versions WHERE prompt_id = ?)", (prompt_id,)
    # What no database can be asked for is nowhere.
    asked = label if can_be_found(label) else ""
    return "version = (SELECT version FROM prompt_labels WHERE prompt_id = ? AND label = ?)", (prompt_id, asked)


def _with_all_labels(prompt_id: str, rows: Sequence[tuple[Any, ...]]) -> Script[list[Version]]:
    placed = yield Query("SELECT version, label FROM prompt_labels WHERE prompt_id = ?", (prompt_id,))
    labels: dict[int, list[str]] = {}
    for number, label in placed:
        labels.setdefault(number, []).append(label)
    return [_version(row, labels.get(row[0], ())) for row in rows]


def _with_labels(prompt_id: str, row: tuple[Any, ...]) -> Script[Version]:
    sql = "SELECT label FROM prompt_labels WHERE prompt_id = ? AND version = ?"
    placed = yield Query(sql, (prompt_id, row[0]))
    return _version(row, [label for (label,) in placed])


def _told(draft: Draft) -> tuple[str, str, str, str]:
    content = draft.content
    messages, config = (msgspec.json.encode(part).decode() for part in (content.messages, draft.config))
    return content.kind, messages, config, draft.note


def _version(row: tuple[Any, ...], labels: Sequence[str]) -> Version:
    number, state, kind, messages, config, note, author, created_at, updated_at, promoted_at, archived_at = row
    return Version(
        number=number,
        state=state,
        content=Content(_MESSAGES.decode(messages), kind),
        config=_CONFIG.decode(config),
        note=note,
        # Sorted here: databases do not agree on the order of letters.
        labels=tuple(sorted(labels)),
        author=author,
        created_at=datetime.fromisoformat(created_at),
        updated_at=datetime.fromisoformat(updated_at),
        promoted_at=promoted_at and datetime.fromisoformat(promoted_at),
        archived_at=archived_at and datetime.fromisoformat(archived_at),
    )
