"""Prompts by name, each with those of its versions that fit, page by page: how Langfuse's clients list them (3.3.7)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from agents.prompts.names import can_be_found, label_meant, spelled
from agents.prompts.prompt import LATEST, PRODUCTION, Config, Kind
from storage.script import Query, Script, places

_MAX = "(SELECT MAX(version) FROM prompt_versions w WHERE w.prompt_id = v.prompt_id)"
_LABELLED = """
    EXISTS (SELECT 1 FROM prompt_labels l WHERE l.prompt_id = v.prompt_id AND l.version = v.version AND l.label = ?)
"""
# Long enough to see whether the first message is the system's.
_HEAD = "kind, SUBSTR(messages, 1, 32), config"
_SYSTEM = '"system"'


class Asked(Struct, frozen=True, kw_only=True):
    """Which page of which versions: those changed from `since` on and before `before`, that have `label`."""

    page: int
    limit: int
    name: str | None = None
    label: str | None = None
    tag: str | None = None
    since: datetime | None = None
    before: datetime | None = None


class Fitting(Struct, frozen=True, kw_only=True):
    """A version that fits; `labels` has those that nobody sets too."""

    number: int
    labels: tuple[str, ...]
    updated_at: datetime


class Listed(Struct, frozen=True, kw_only=True):
    """A prompt with its versions that fit, oldest first; `kind` and `config` are the last one's.

    A text that is more than one message of the user is of kind chat, as in `publishing.type_of`.
    """

    name: str
    tags: tuple[str, ...]
    versions: tuple[Fitting, ...]
    kind: Kind
    stored_config: str

    @property
    def config(self) -> Config:
        """The config, read anew each time: a page of long ones holds them only one after the other."""
        return _config(self.stored_config)


class Listing(Struct, frozen=True):
    """A page of prompts, and how many fit in all."""

    rows: list[Listed]
    total: int


def listing(project_id: str, asked: Asked) -> Script[Listing]:
    """Return a page of the prompts of a project; one without a version that fits is not among them."""
    words = [spelled(word) for word in (asked.name, asked.label, asked.tag) if word is not None]
    if not all(can_be_found(word) for word in words):
        return Listing([], 0)
    conditions, values = _of_prompts(project_id, asked)
    fits, fitting = _of_versions(asked)
    some = f"EXISTS (SELECT 1 FROM prompt_versions v WHERE {' AND '.join(['v.prompt_id = p.id', *fits])})"  # noqa: S608 - conditions of ours
    source, told = f"FROM prompts p WHERE {' AND '.join([*conditions, some])}", (*values, *fitting)
    total = (yield Query(f"SELECT COUNT(*) {source}", told))[0][0]
    window = (asked.limit, (asked.page - 1) * asked.limit)
    prompts = yield Query(f"SELECT p.id, p.name, p.tags {source} ORDER BY p.name LIMIT ? OFFSET ?", (*told, *window))
    versions = yield from _versions([row[0] for row in prompts], fits, fitting)
    lasts = yield from _lasts({prompt_id: fit[-1].number for prompt_id, fit in versions.items()})
    rows = [_listed(row, versions[row[0]], lasts[row[0]]) for row in prompts]
    return Listing(rows, total)


def _of_prompts(project_id: str, asked: Asked) -> tuple[list[str], list[Any]]:
    conditions, values = ["p.project_id = ?"], [project_id]
    if asked.name is not None:
        conditions.append("p.name = ?")
        values.append(spelled(asked.name))
    if asked.tag is not None:
        conditions.append("REPLACE(p.tags, ?, '') <> p.tags")
        values.append(f"\n{spelled(asked.tag)}\n")
    return conditions, values


def _of_versions(asked: Asked) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    label = None if asked.label is None else label_meant(asked.label)
    if label == LATEST:
        conditions.append(f"v.version = {_MAX}")
    elif label == PRODUCTION:
        conditions.append("v.state = 'PRODUCTION'")
    elif label is not None:
        conditions.append(_LABELLED)
        values.append(label)
    for sign, moment in ((">=", asked.since), ("<", asked.before)):
        if moment is not None:
            conditions.append(f"v.updated_at {sign} ?")
            values.append(moment.astimezone(UTC).isoformat(timespec="microseconds"))
    return conditions, values


def _versions(ids: list[str], fits: list[str], fitting: list[Any]) -> Script[dict[str, list[Fitting]]]:
    """Return the versions that fit of some prompts, by prompt, oldest first."""
    labels = yield from _labels(ids)
    select = f"SELECT v.prompt_id, v.version, v.state, v.version = {_MAX}, v.updated_at FROM prompt_versions v"  # noqa: S608 - constants
    which = " AND ".join([f"v.prompt_id IN ({places(len(ids))})", *fits])
    rows = yield Query(f"{select} WHERE {which} ORDER BY v.prompt_id, v.version", (*ids, *fitting))
    found: dict[str, list[Fitting]] = {each: [] for each in ids}
    for prompt_id, number, state, is_latest, updated_at in rows:
        following = [LATEST] * bool(is_latest) + [PRODUCTION] * (state == "PRODUCTION")
        worn = (*labels.get((prompt_id, number), ()), *following)
        found[prompt_id].append(Fitting(number=number, labels=worn, updated_at=datetime.fromisoformat(updated_at)))
    return found


def _labels(ids: Iterable[str]) -> Script[dict[tuple[str, int], list[str]]]:
    named = tuple(ids)
    sql = f"SELECT prompt_id, version, label FROM prompt_labels WHERE prompt_id IN ({places(len(named))})"  # noqa: S608 - placeholders
    rows = yield Query(sql, named)
    found: dict[tuple[str, int], list[str]] = {}
    for prompt_id, version, label in rows:
        found.setdefault((prompt_id, version), []).append(label)
    return found


def _lasts(numbers: dict[str, int]) -> Script[dict[str, tuple[Kind, str]]]:
    """Return kind and config of one version of each prompt."""
    if not numbers:
        return {}
    either = " OR ".join(["(prompt_id = ? AND version = ?)"] * len(numbers))
    values = tuple(value for pair in numbers.items() for value in pair)
    rows = yield Query(f"SELECT prompt_id, {_HEAD} FROM prompt_versions WHERE {either}", values)  # noqa: S608 - placeholders
    return {prompt_id: ("chat" if _SYSTEM in head else kind, config) for prompt_id, kind, head, config in rows}


def _listed(row: tuple[Any, ...], versions: list[Fitting], last: tuple[Kind, str]) -> Listed:
    _, name, tags = row
    kind, config = last
    told = tuple(tags.split("\n")[1:-1])
    return Listed(name=name, tags=told, versions=tuple(versions), kind=kind, stored_config=config)


_config = msgspec.json.Decoder(Config).decode
