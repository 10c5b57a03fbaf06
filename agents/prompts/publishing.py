"""Versions published with their labels at once, as Langfuse's clients make and label them (3.3.7)."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from msgspec import Struct

from accounts.ids import new_id
from accounts.revision import CHANGED, FRESH_FOR_S
from agents.prompts import promotions_store, store, versions_store
from agents.prompts.drafts import checked_draft
from agents.prompts.errors import PromptInvalid, PromptTaken, PromptUnknown, VersionFixed
from agents.prompts.listing import Asked, Listing, listing
from agents.prompts.names import RESERVED, checked_labels, checked_name, checked_tags, label_meant
from agents.prompts.prompt import (
    LATEST,
    PRODUCTION,
    Content,
    Draft,
    Kind,
    NewPrompt,
    StoredPrompt,
    Version,
    Which,
)
from agents.prompts.prompts import PREFIX
from agents.prompts.store import Locked
from storage.script import Database, Script, T

Told = tuple[StoredPrompt, Version]


class Publication(Struct, frozen=True, kw_only=True):
    """A version to be made, of a prompt that may be new; `tags` are those of the prompt from now on, None for as is."""

    name: str
    draft: Draft
    labels: tuple[str, ...] = ()
    tags: tuple[str, ...] | None = None


class Publications:
    """The prompts of one database as Langfuse's clients see them: a label moves, and `production` promotes.

    Args:
        database: Where they are kept.
        noticed_s: Seconds after which no process uses what it remembered of before a change.

    """

    def __init__(self, database: Database, noticed_s: float = FRESH_FOR_S) -> None:
        self._database = database
        self.noticed_s = noticed_s

    async def publish(self, project_id: str, new: Publication, author: str) -> Told:
        """Make a version with its labels, and its prompt if the project has none of the name: all of it or nothing.

        Raises:
            PromptInvalid: It is not as it must be, or not of the type that the prompt's last version is.

        """
        name, held = checked_name(new.name), checked_draft(new.draft)
        tags = None if new.tags is None else checked_tags(new.tags)
        labels, promotes = _split(new.labels)

        def script() -> Script[Told]:
            prompt = yield from _opened(project_id, NewPrompt(name=name, tags=tags or ()), self._now())
            # Behind the lock, so that what happens later is said to be later.
            moment = self._now()
            old = yield from store.found(project_id, name)
            yield from _check_type(prompt, old, held.content)
            if tags is not None and tags != old.tags:
                described = NewPrompt(name=name, description=old.description, category=old.category, tags=tags)
                yield from store.updated(old, described, moment)
            version = yield from versions_store.added(prompt, held, author, moment)
            version = yield from _labelled(prompt, version, labels, moment)
            if promotes:
                version = yield from promotions_store.promoted(prompt, version.number, author, moment)
            return (yield from store.found(project_id, name)), version

        try:
            return await self._write(script)
        except PromptTaken:
            # Somebody else made the prompt meanwhile; now it is there.
            return await self._write(script)

    async def label(self, project_id: str, name: str, number: int, labels: tuple[str, ...], author: str) -> Told:
        """Put labels on a version beside those it has; other versions lose them.

        Raises:
            PromptUnknown: There is no such version.
            PromptInvalid: A label is not as it must be, or `latest`, and the version is not.

        """
        free, promotes = _split(labels)

        def script() -> Script[Told]:
            prompt = yield from store.locked(project_id, name)
            moment = self._now()
            version = yield from versions_store.numbered(prompt.id, prompt.name, number)
            stored = yield from store.found(project_id, name)
            if LATEST in map(label_meant, labels) and number != stored.latest:
                raise PromptInvalid(
                    "The label 'latest' is always the newest version's and cannot be set", param="labels"
                )
            version = yield from _labelled(prompt, version, checked_labels((*version.labels, *free)), moment)
            if promotes:
                version = yield from promotions_store.promoted(prompt, version.number, author, moment)
            return (yield from store.found(project_id, name)), version

        return await self._write(script)

    async def withdraw(self, project_id: str, name: str, which: Which) -> None:
        """Delete a draft, by its number or a label.

        Raises:
            PromptUnknown: There is no such version.
            PromptInvalid: It is no draft any more.

        """

        def script() -> Script[None]:
            prompt = yield from store.locked(project_id, name)
            version = yield from versions_store.version_of(prompt.id, prompt.name, which)
            try:
                yield from versions_store.removed(prompt, version.number, self._now())
            except VersionFixed as cause:
                # No conflict, which Langfuse's clients would try again: it stays as it is.
                raise PromptInvalid(cause.detail, param="version") from cause

        await self._write(script)

    async def page(self, project_id: str, asked: Asked) -> Listing:
        """Return a page of the prompts of a project, each with its versions that fit."""
        return await self._database.read(lambda: listing(project_id, asked))

    async def _write(self, script: Callable[[], Script[T]]) -> T:
        def noticed() -> Script[T]:
            result = yield from script()
            yield CHANGED
            return result

        result = await self._database.write(noticed)
        # Nobody can be asked whether he has noticed; but whoever has not looked for so long asks the database.
        await asyncio.sleep(self.noticed_s)
        return result

    def _now(self) -> str:
        return datetime.fromtimestamp(self._database.clock_ns() / 1e9, UTC).isoformat(timespec="microseconds")


def type_of(content: Content) -> Kind:
    """Return a version's type: text for what is one message of the user, chat for all else."""
    return "text" if content.kind == "text" and len(content.messages) == 1 else "chat"


def _split(labels: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """Return the labels that are put on a version as such, and whether the others promote it."""
    meant = [label_meant(label) for label in labels]
    return checked_labels(label for label in meant if label not in RESERVED), PRODUCTION in meant


def _opened(project_id: str, new: NewPrompt, moment: str) -> Script[Locked]:
    try:
        return (yield from store.locked(project_id, new.name))
    except PromptUnknown:
        return (yield from store.inserted(new_id(PREFIX), project_id, new, moment))


def _check_type(prompt: Locked, old: StoredPrompt, content: Content) -> Script[None]:
    if old.latest is None:
        return
    last = yield from versions_store.numbered(prompt.id, prompt.name, old.latest)
    had, wanted = type_of(last.content), type_of(content)
    if had != wanted:
        told = f"The last version of '{store.echoed(old.name)}' is of type '{had}', not '{wanted}': take another name"
        raise PromptInvalid(told, param="type")


def _labelled(prompt: Locked, version: Version, labels: tuple[str, ...], moment: str) -> Script[Version]:
    if labels == version.labels:
        return version
    return (yield from versions_store.relabelled(prompt, version.number, labels, moment))
