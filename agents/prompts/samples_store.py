"""The SQL of golden samples: each is of one prompt, and goes with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from accounts.pages import Cut, Page, rows_of
from agents.prompts.errors import PromptInvalid, PromptTaken, PromptUnknown
from agents.prompts.template import Value
from storage.script import Query, Script, places

MOST_SAMPLES = 1_000  # of one prompt
_COLUMNS = "id, prompt_id, name, variables, output, author, created_at, version, request_id"
_SELECT = f"SELECT {_COLUMNS} FROM prompt_samples WHERE prompt_id = ?"  # noqa: S608 - constants
# What is kept must not outlive its prompt, which goes behind the same lock.
_LOCK = "SELECT id FROM prompts WHERE id = ? ORDER BY id"
_COUNT = "SELECT COUNT(*) FROM prompt_samples WHERE prompt_id = ?"
_INSERT = f"""
    INSERT INTO prompt_samples ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (prompt_id, name) DO NOTHING RETURNING id
"""  # noqa: S608 - constants
_DELETE = "DELETE FROM prompt_samples WHERE prompt_id = ? AND id = ? RETURNING id"
_decoder = msgspec.json.Decoder(dict[str, Value])


class Sample(Struct, frozen=True, kw_only=True):
    """What was filled in, and the answer that is held for good. Times in UTC.

    Attributes:
        version: Whose answer it is; None where that was not said.
        request_id: The run that it is from, as the books have it; None for an answer that was given.

    """

    id: str
    prompt_id: str
    name: str
    variables: dict[str, Value]
    output: str
    author: str
    created_at: datetime
    version: int | None
    request_id: str | None


def page(prompt_id: str, cut: Cut) -> Script[Page[Sample]]:
    """Return some samples of a prompt, oldest first."""
    found = yield from rows_of(_SELECT, (prompt_id,), cut)
    return Page([_sample(row) for row in found.rows], found.has_more)


def these(prompt_id: str, ids: Sequence[str]) -> Script[list[Sample]]:
    """Return the samples of these ids, in their order.

    Raises:
        PromptUnknown: The prompt has no sample of one of them.

    """
    rows = yield Query(f"{_SELECT} AND id IN ({places(len(ids))})", (prompt_id, *ids))
    known = {row[0]: row for row in rows}
    missing = [each for each in ids if each not in known]
    if missing:
        raise unknown(missing[0])
    return [_sample(known[each]) for each in ids]


def room_for(prompt_id: str, name: str) -> Script[None]:
    """Check that a sample of this name could be kept.

    Raises:
        PromptTaken: The prompt has one.
        PromptInvalid: It has as many as it may.

    """
    rows = yield Query(f"{_SELECT} AND name = ?", (prompt_id, name))
    if rows:
        raise taken(name)
    ((count,),) = yield Query(_COUNT, (prompt_id,))
    if count >= MOST_SAMPLES:
        raise PromptInvalid(f"A prompt has at most {MOST_SAMPLES} samples; delete some first", param="name")


def kept(sample: Sample) -> Script[None]:
    """Put a sample in.

    Raises:
        PromptUnknown: Its prompt was deleted meanwhile.
        PromptTaken: The prompt has one of this name.
        PromptInvalid: It has as many as it may.

    """
    rows = yield Query(_LOCK, (sample.prompt_id,), locks=True)
    if not rows:
        raise PromptUnknown("The prompt was deleted meanwhile", param="name")
    yield from room_for(sample.prompt_id, sample.name)
    variables = msgspec.json.encode(sample.variables).decode()
    told = (sample.name, variables, sample.output, sample.author, sample.created_at.isoformat(timespec="microseconds"))
    rows = yield Query(_INSERT, (sample.id, sample.prompt_id, *told, sample.version, sample.request_id))
    if not rows:
        raise taken(sample.name)


def removed(prompt_id: str, sample_id: str) -> Script[None]:
    """Delete a sample.

    Raises:
        PromptUnknown: The prompt has none of this id.

    """
    rows = yield Query(_DELETE, (prompt_id, sample_id))
    if not rows:
        raise unknown(sample_id)


def unknown(sample_id: str) -> PromptUnknown:
    """Return what is raised where there is no such sample."""
    return PromptUnknown(f"The prompt has no sample '{sample_id}'", param="samples")


def taken(name: str) -> PromptTaken:
    """Return what is raised where another sample has the name."""
    return PromptTaken(f"The prompt has a sample named '{name}' already", param="name")


def _sample(row: tuple[Any, ...]) -> Sample:
    identity, prompt_id, name, variables, output, author, created_at, version, request_id = row
    return Sample(
        id=identity,
        prompt_id=prompt_id,
        name=name,
        variables=_decoder.decode(variables),
        output=output,
        author=author,
        created_at=datetime.fromisoformat(created_at),
        version=version,
        request_id=request_id,
    )
