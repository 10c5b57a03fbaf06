"""The SQL of prompts: each is in a project once by its name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from accounts.pages import Page
from agents.prompts.errors import PromptTaken, PromptUnknown
from agents.prompts.names import can_be_found, folded, spelled
from agents.prompts.prompt import LONGEST_NAME, NewPrompt, StoredPrompt
from storage.script import Query, Script, places
from storage.statement import Row

_COLUMNS = "id, project_id, name, description, category, tags, created_at, updated_at"
_LATEST = "(SELECT MAX(version) FROM prompt_versions v WHERE v.prompt_id = prompts.id)"
_PRODUCTION = "(SELECT version FROM prompt_versions v WHERE v.prompt_id = prompts.id AND state = 'PRODUCTION')"
_SELECT = f"SELECT {_COLUMNS}, {_LATEST}, {_PRODUCTION} FROM prompts"  # noqa: S608 - constants
# Whoever changes anything of a prompt passes here, one after the other.
_LOCK = "SELECT id, next_version FROM prompts WHERE project_id = ? AND name = ? ORDER BY id"
_INSERT = f"""
    INSERT INTO prompts ({_COLUMNS}, folded, next_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
    ON CONFLICT (project_id, name) DO NOTHING RETURNING id
"""  # noqa: S608 - constants
_SAME_NAME = "SELECT 1 FROM prompts WHERE project_id = ? AND name = ? AND id <> ?"
_UPDATE = (
    "UPDATE prompts SET name = ?, description = ?, category = ?, tags = ?, folded = ?, updated_at = ? WHERE id = ?"
)
_PARTS = ("prompt_samples", "prompt_promotions", "prompt_labels", "prompt_versions")


class Locked(Struct, frozen=True):
    """A prompt that nobody else changes until this transaction ends."""

    id: str
    name: str
    next_version: int


class Sought(Struct, frozen=True, kw_only=True):
    """Which prompts of a project are listed: `limit` behind the name `after`, of those that fit.

    Attributes:
        category: This one and those below it; '' for prompts without one; None for all.
        tag: One that they all have.
        search: A part of the name, the description, the category or a tag; case and accents do not matter.

    """

    after: str = ""
    limit: int
    category: str | None = None
    tag: str | None = None
    search: str | None = None


def found(project_id: str, name: str) -> Script[StoredPrompt]:
    """Return a prompt.

    Raises:
        PromptUnknown: The project has none of this name.

    """
    prompt = yield from found_or_none(project_id, name)
    if prompt is None:
        raise unknown(name)
    return prompt


def found_or_none(project_id: str, name: str) -> Script[StoredPrompt | None]:
    """Return a prompt, None where the project has none of this name."""
    plain = spelled(name)
    if not can_be_found(plain):
        return None
    rows = yield Query(f"{_SELECT} WHERE project_id = ? AND name = ?", (project_id, plain))
    return _prompt(rows[0]) if rows else None


def names(project_id: str, ids: Sequence[str]) -> Script[dict[str, str]]:
    """Return the names of those of these prompts that are in the project, by id."""
    sql = f"SELECT id, name FROM prompts WHERE project_id = ? AND id IN ({places(len(ids))})"  # noqa: S608 - placeholders
    rows = yield Query(sql, (project_id, *ids))
    return dict(rows)


def locked(project_id: str, name: str) -> Script[Locked]:
    """Return a prompt, kept from change by others.

    Raises:
        PromptUnknown: The project has none of this name.

    """
    plain = spelled(name)
    rows = (yield Query(_LOCK, (project_id, plain), locks=True)) if can_be_found(plain) else []
    if not rows:
        raise unknown(name)
    return Locked(rows[0][0], plain, rows[0][1])


def inserted(prompt_id: str, project_id: str, new: NewPrompt, moment: str) -> Script[Locked]:
    """Put a new prompt in.

    Raises:
        PromptTaken: The project has one of this name.

    """
    told = (new.name, new.description, new.category, _tags(new.tags))
    rows = yield Query(_INSERT, (prompt_id, project_id, *told, moment, moment, _folded(new)))
    if not rows:
        raise taken(new.name)
    return Locked(prompt_id, new.name, 1)


def updated(prompt: StoredPrompt, changed: NewPrompt, moment: str) -> Script[None]:
    """Write what is said of a prompt.

    Raises:
        PromptTaken: Another prompt of the project has the name.

    """
    rows = yield Query(_SAME_NAME, (prompt.project_id, changed.name, prompt.id))
    if rows:
        raise taken(changed.name)
    told = (changed.name, changed.description, changed.category, _tags(changed.tags), _folded(changed))
    yield Query(_UPDATE, (*told, moment, prompt.id))


def touched(prompt_id: str, moment: str) -> Script[None]:
    """Note that a version of a prompt is no more what it was."""
    yield Query("UPDATE prompts SET updated_at = ? WHERE id = ?", (moment, prompt_id))


def deleted(prompt_id: str) -> Script[None]:
    """Delete a prompt and all that belongs to it; what its runs cost stays in the books."""
    for table in _PARTS:
        yield Query(f"DELETE FROM {table} WHERE prompt_id = ?", (prompt_id,))  # noqa: S608 - names of ours
    yield Query("DELETE FROM prompts WHERE id = ?", (prompt_id,))


def page(project_id: str, sought: Sought) -> Script[Page[StoredPrompt]]:
    """Return some prompts of a project, by name."""
    sql, values = f"{_SELECT} WHERE project_id = ?", (project_id,)
    for condition, fitting in _conditions(sought):
        sql, values = f"{sql} AND {condition}", (*values, *fitting)
    sql = f"{sql} ORDER BY name LIMIT ?"
    rows = yield Query(sql, (*values, sought.limit + 1))
    return Page([_prompt(row) for row in rows[: sought.limit]], has_more=len(rows) > sought.limit)


def unknown(name: str) -> PromptUnknown:
    """Return what is raised where there is no such prompt."""
    return PromptUnknown(f"Prompt '{echoed(name)}' not found", param="name")


def taken(name: str) -> PromptTaken:
    """Return what is raised where another prompt has the name."""
    return PromptTaken(f"The project has a prompt named '{name}' already", param="name")


def echoed(text: str) -> str:
    """Return a name or label as it can be told to who gave it."""
    return spelled(text)[:LONGEST_NAME].encode(errors="replace").decode()


def _conditions(sought: Sought) -> list[tuple[str, Row]]:
    # What no database can be asked for is in none, and nothing contains it.
    after, category, tag = (_askable(text) for text in (sought.after, sought.category, sought.tag))
    conditions: list[tuple[str, Row]] = []
    if after:
        conditions.append(("name > ?", (after,)))
    if category is not None:
        below = f"{category}/" if category else ""
        conditions.append(("SUBSTR(category || '/', 1, ?) = ?", (max(1, len(below)), below or "/")))
    if tag is not None:
        conditions.append(("REPLACE(tags, ?, '') <> tags", (_tags((tag,)),)))
    if sought.search and (search := folded(_askable(sought.search) or "")):
        conditions.append(("REPLACE(folded, ?, '') <> folded", (search,)))
    return conditions


def _askable(text: str | None) -> str | None:
    if text is None:
        return None
    return spelled(text).replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _tags(tags: tuple[str, ...]) -> str:
    return "".join(("\n", *(f"{tag}\n" for tag in tags))) if tags else ""


def _folded(told: NewPrompt) -> str:
    return folded(told.name, told.description, told.category, *told.tags)


def _prompt(row: tuple[Any, ...]) -> StoredPrompt:
    identity, project_id, name, description, category, tags, created_at, updated_at, latest, production = row
    return StoredPrompt(
        id=identity,
        project_id=project_id,
        name=name,
        description=description,
        category=category,
        tags=tuple(tags.split("\n")[1:-1]),
        created_at=datetime.fromisoformat(created_at),
        updated_at=datetime.fromisoformat(updated_at),
        latest=latest,
        production=production,
    )
