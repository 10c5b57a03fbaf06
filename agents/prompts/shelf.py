"""The prompts at hand: versions that were run lately, taken apart once, until anything changes."""

import asyncio
from typing import Protocol

from msgspec import Struct, structs

from accounts.revision import Revision
from agents.messages import Sampling
from agents.prompts.prompt import Config, StoredPrompt, Version, Which
from agents.prompts.template import Template, compiled

MOST_REMEMBERED = 10_000
HEAVIEST = 40_000_000  # bytes, or nearly, of all that is remembered
LONG = 20_000  # characters of a version that is not taken apart on the loop

Key = tuple[str, str, Which]


class Versions(Protocol):
    """Where versions are kept."""

    async def loaded(self, project_id: str, name: str, which: Which) -> tuple[StoredPrompt, Version]:
        """Return a prompt and the version of it that is meant.

        Raises:
            PromptUnknown: There is no such prompt or version.
            StorageDown: It cannot be looked up.

        """
        ...


class Runnable(Struct, frozen=True, kw_only=True):
    """A version with all that a run needs of it.

    Attributes:
        version: Its number.
        config: As its author stated it, but for what is without effect.
        model: What the config says, else the default; likewise `agent` and the temperature of `sampling`.

    """

    prompt_id: str
    name: str
    version: int
    template: Template
    config: Config
    model: str
    agent: str
    sampling: Sampling


class Shelf:
    """Finds versions to run and remembers them, while the revision of the accounts is looked at and until it changes.

    Many who ask for the same version at once have it read once.

    Args:
        versions: Where they are read.
        revision: Says when what is remembered is to be forgotten.
        defaults: What a version that does not say it is run with: a model, an agent and a temperature.

    """

    def __init__(self, versions: Versions, revision: Revision, defaults: Config) -> None:
        self._versions = versions
        self._revision = revision
        self._defaults = defaults
        self._known: dict[Key, Runnable] = {}
        self._weight = 0
        self._asked: dict[Key, asyncio.Task[Runnable]] = {}
        self._changes = 0
        revision.on_change(self._forget)

    def known(self, project_id: str, name: str, which: Which) -> Runnable | None:
        """Return the version if it is remembered; None when it must be looked up."""
        return self._known.get((project_id, name, which)) if self._revision.fresh else None

    async def find(self, project_id: str, name: str, which: Which) -> Runnable:
        """Return the version, looked up if need be.

        Raises:
            PromptUnknown: There is no such prompt or version.
            StorageDown: It cannot be looked up.

        """
        if not self._revision.fresh:
            await self._revision.look()
        key = (project_id, name, which)
        found = self._known.get(key)
        if found is not None:
            return found
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.create_task(self._look_up(key))
            asked.add_done_callback(lambda done: self._answered(key, done))
        # Who asked first may go: the others still wait for the answer.
        return await asyncio.shield(asked)

    async def _look_up(self, key: Key) -> Runnable:
        changes = self._changes
        prompt, version = await self._versions.loaded(*key)
        if sum(len(message.content) for message in version.content.messages) > LONG:
            # Variables by the megabyte take a quarter of a second.
            found = await asyncio.to_thread(runnable, prompt, version, self._defaults)
        else:
            found = runnable(prompt, version, self._defaults)
        # What was read before a change must not be remembered after it.
        if changes == self._changes:
            self._remember(key, found)
        return found

    def _answered(self, key: Key, done: asyncio.Task[Runnable]) -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # told to whoever waits; if all have gone, to nobody

    def _remember(self, key: Key, found: Runnable) -> None:
        weight = _weight(key, found)
        while self._known and (len(self._known) >= MOST_REMEMBERED or self._weight + weight > HEAVIEST):
            oldest = next(iter(self._known))
            self._weight -= _weight(oldest, self._known.pop(oldest))
        self._known[key] = found
        self._weight += weight

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()
        self._weight = 0
        self._asked.clear()


def _weight(key: Key, found: Runnable) -> int:
    # A label is as its caller spells it, in as many ways as he likes.
    _, name, which = key
    return found.template.weight + len(name) + len(which.label or "")


def runnable(prompt: StoredPrompt, version: Version, defaults: Config) -> Runnable:
    """Return a version with all that a run needs of it, and without what clients keep in its config."""
    config = structs.replace(version.config, extra={})
    temperature = defaults.temperature if config.temperature is None else config.temperature
    return Runnable(
        prompt_id=prompt.id,
        name=prompt.name,
        version=version.number,
        template=compiled(version.content),
        config=config,
        model=config.model or defaults.model or "",
        agent=config.agent or defaults.agent or "",
        sampling=structs.replace(config.sampling(), temperature=temperature),
    )
