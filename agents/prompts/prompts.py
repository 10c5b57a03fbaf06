"""Prompts made, read, changed, promoted and removed; each answer comes when it is in force in every process."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from msgspec import UNSET

from accounts.ids import new_id
from accounts.pages import USUAL_ROWS, Page
from accounts.revision import CHANGED, FRESH_FOR_S
from agents.prompts import promotions_store, store, versions_store
from agents.prompts.drafts import checked_draft
from agents.prompts.names import checked_category, checked_description, checked_labels, checked_name, checked_tags
from agents.prompts.prompt import (
    PRODUCTION,
    Draft,
    NewPrompt,
    Promotion,
    PromptChange,
    StoredPrompt,
    Version,
    Which,
)
from agents.prompts.store import Locked, Sought
from storage.errors import UnitRefused
from storage.script import Database, Script, T

PREFIX = "prm_"


class Prompts:
    """The prompts of one database.

    Each method raises PromptUnknown where the project has no prompt of the name, or the prompt no such version, and
    PromptInvalid where what it is given is not as it must be.

    Args:
        database: Where they are kept.
        noticed_s: Seconds after which no process uses what it remembered of before a change.

    """

    def __init__(self, database: Database, noticed_s: float = FRESH_FOR_S) -> None:
        self._database = database
        self.noticed_s = noticed_s

    async def create(self, project_id: str, new: NewPrompt) -> StoredPrompt:
        """Make a prompt without versions.

        Raises:
            PromptTaken: The project has one of this name.

        """
        plain, moment = _checked(new), self._now()

        def script() -> Script[StoredPrompt]:
            yield from store.inserted(new_id(PREFIX), project_id, plain, moment)
            yield CHANGED
            return (yield from store.found(project_id, plain.name))

        return await self._write(script)

    async def create_with(
        self, project_id: str, new: NewPrompt, draft: Draft, author: str, labels: Sequence[str] = ()
    ) -> tuple[StoredPrompt, Version]:
        """Make a prompt and its first version with its labels, all of it or nothing.

        Raises:
            PromptTaken: The project has one of this name.

        """
        plain, held, moment = _checked(new), checked_draft(draft), self._now()
        worn = checked_labels(labels)

        def script() -> Script[tuple[StoredPrompt, Version]]:
            prompt = yield from store.inserted(new_id(PREFIX), project_id, plain, moment)
            version = yield from _labelled(prompt, held, author, worn, moment)
            yield CHANGED
            return (yield from store.found(project_id, plain.name)), version

        return await self._write(script)

    async def find(self, project_id: str, name: str) -> StoredPrompt:
        """Return a prompt."""
        return await self._database.read(lambda: store.found(project_id, name))

    async def names(self, project_id: str, ids: Iterable[str]) -> dict[str, str]:
        """Return the names of those of these prompts that are there, by id."""
        return await self._database.read(partial(store.names, project_id, tuple(ids)))

    async def page(
        self,
        project_id: str,
        *,
        after: str = "",
        limit: int = USUAL_ROWS,
        category: str | None = None,
        tag: str | None = None,
        search: str | None = None,
    ) -> Page[StoredPrompt]:
        """Return some prompts of a project, by name; `store.Sought` says what each argument picks."""
        sought = Sought(after=after, limit=limit, category=category, tag=tag, search=search)
        return await self._database.read(lambda: store.page(project_id, sought))

    async def change(self, project_id: str, name: str, change: PromptChange) -> StoredPrompt:
        """Change what is said of a prompt; under another name it keeps its versions.

        Raises:
            PromptTaken: Another prompt of the project has the name.

        """
        moment = self._now()

        def script() -> Script[StoredPrompt]:
            yield from store.locked(project_id, name)
            prompt = yield from store.found(project_id, name)
            changed = _changed(prompt, change)
            yield from store.updated(prompt, changed, moment)
            yield CHANGED
            return (yield from store.found(project_id, changed.name))

        try:
            return await self._write(script)
        except UnitRefused:
            # Another prompt got the name between the look and the write; now the look finds it.
            return await self._write(script)

    async def delete(self, project_id: str, name: str) -> None:
        """Delete a prompt with its versions, labels, promotions and samples; what its runs cost stays in the books."""

        def script() -> Script[None]:
            prompt = yield from store.locked(project_id, name)
            yield from store.deleted(prompt.id)
            yield CHANGED

        await self._write(script)

    async def versions(self, project_id: str, name: str) -> list[Version]:
        """Return the versions of a prompt, the newest first."""

        def script() -> Script[list[Version]]:
            prompt = yield from store.found(project_id, name)
            return (yield from versions_store.all_of(prompt.id))

        return await self._database.read(script)

    async def versions_page(
        self, project_id: str, name: str, *, before: int | None = None, limit: int = USUAL_ROWS
    ) -> tuple[StoredPrompt, Page[Version]]:
        """Return a prompt and some of its versions, the newest first: those with a number below `before`."""

        def script() -> Script[tuple[StoredPrompt, Page[Version]]]:
            prompt = yield from store.found(project_id, name)
            return prompt, (yield from versions_store.page_of(prompt.id, before, limit))

        return await self._database.read(script)

    async def version(self, project_id: str, name: str, which: Which) -> Version:
        """Return one version of a prompt."""
        return (await self.loaded(project_id, name, which))[1]

    async def loaded(self, project_id: str, name: str, which: Which) -> tuple[StoredPrompt, Version]:
        """Return a prompt and one of its versions, both as they were at one moment."""

        def script() -> Script[tuple[StoredPrompt, Version]]:
            prompt = yield from store.found_or_none(project_id, name)
            if prompt is None:
                raise versions_store.not_labelled(name, PRODUCTION) if which == Which() else store.unknown(name)
            return prompt, (yield from versions_store.version_of(prompt.id, prompt.name, which))

        return await self._database.read(script)

    async def add(self, project_id: str, name: str, draft: Draft, author: str, labels: Sequence[str] = ()) -> Version:
        """Make a draft, under a number that no version of the prompt had before; its labels leave other versions."""
        held, worn = checked_draft(draft), checked_labels(labels)
        return await self._change(
            project_id, name, lambda prompt, moment: _labelled(prompt, held, author, worn, moment)
        )

    async def edit(self, project_id: str, name: str, number: int, draft: Draft) -> Version:
        """Write a draft anew.

        Raises:
            VersionFixed: It is no draft any more.

        """
        held = checked_draft(draft)
        return await self._change(
            project_id, name, lambda prompt, moment: versions_store.edited(prompt, number, held, moment)
        )

    async def remove(self, project_id: str, name: str, number: int) -> None:
        """Delete a draft.

        Raises:
            VersionFixed: It is no draft any more.

        """
        await self._change(project_id, name, lambda prompt, moment: versions_store.removed(prompt, number, moment))

    async def promote(self, project_id: str, name: str, number: int, author: str) -> Version:
        """Put a version in production and archive the one that is there; for the one that is there, nothing changes."""
        return await self._change(
            project_id, name, lambda prompt, moment: promotions_store.promoted(prompt, number, author, moment)
        )

    async def archive(self, project_id: str, name: str, number: int) -> Version:
        """Archive a version; where it is the one in production, the prompt is out of service after."""
        return await self._change(
            project_id, name, lambda prompt, moment: promotions_store.archived(prompt, number, moment)
        )

    async def rollback(self, project_id: str, name: str, author: str) -> Version:
        """Put the version in production that was there before; each further call goes one step further back.

        A promotion after a rollback takes the place of what it went back to, as any promotion does.

        Raises:
            PromptInvalid: There is nothing to go back to; nor is there behind a promotion that replaced none.

        """
        return await self._change(
            project_id, name, lambda prompt, moment: promotions_store.rolled_back(prompt, author, moment)
        )

    async def relabel(self, project_id: str, name: str, number: int, labels: Sequence[str]) -> Version:
        """Put exactly these labels on a version; one that lies on another version moves."""
        plain = checked_labels(labels)
        return await self._change(
            project_id, name, lambda prompt, moment: versions_store.relabelled(prompt, number, plain, moment)
        )

    async def promotions(self, project_id: str, name: str) -> list[Promotion]:
        """Return what was in production when, the newest first: the last thousand promotions."""

        def script() -> Script[list[Promotion]]:
            prompt = yield from store.found(project_id, name)
            return (yield from promotions_store.all_of(prompt.id))

        return await self._database.read(script)

    async def _change(self, project_id: str, name: str, step: Callable[[Locked, str], Script[T]]) -> T:
        def script() -> Script[T]:
            prompt = yield from store.locked(project_id, name)
            # Behind the lock, so that what happens later is said to be later.
            result = yield from step(prompt, self._now())
            yield CHANGED
            return result

        return await self._write(script)

    async def _write(self, script: Callable[[], Script[T]]) -> T:
        result = await self._database.write(script)
        # Nobody can be asked whether he has noticed; but whoever has not looked for so long asks the database.
        await asyncio.sleep(self.noticed_s)
        return result

    def _now(self) -> str:
        return datetime.fromtimestamp(self._database.clock_ns() / 1e9, UTC).isoformat(timespec="microseconds")


def _labelled(prompt: Locked, draft: Draft, author: str, labels: Sequence[str], moment: str) -> Script[Version]:
    version = yield from versions_store.added(prompt, draft, author, moment)
    if not labels:
        return version
    return (yield from versions_store.relabelled(prompt, version.number, labels, moment))


def _checked(new: NewPrompt) -> NewPrompt:
    return NewPrompt(
        name=checked_name(new.name),
        description=checked_description(new.description),
        category=checked_category(new.category),
        tags=checked_tags(new.tags),
    )


def _changed(prompt: StoredPrompt, change: PromptChange) -> NewPrompt:
    return _checked(
        NewPrompt(
            name=prompt.name if change.name is UNSET else change.name,
            description=prompt.description if change.description is UNSET else change.description,
            category=prompt.category if change.category is UNSET else change.category,
            tags=prompt.tags if change.tags is UNSET else change.tags,
        )
    )
