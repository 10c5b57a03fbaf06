"""What the contract tests of prompts share: the prompts of a project of their own, and drafts in one line."""

from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

from agents.messages import Message
from agents.prompts.prompt import Config, Content, Draft, NewPrompt
from agents.prompts.prompts import Prompts
from tests.contract.databases import opened

NAME = "Email de Bienvenue"


class Shelved:
    """The prompts of one project, whose every answer comes at once."""

    def __init__(self, database, project):
        self.database = database
        self.project = project
        self._prompts = Prompts(database, noticed_s=0)

    def __getattr__(self, verb):
        return partial(getattr(self._prompts, verb), self.project)

    def beside(self):
        """The prompts of another project."""
        return Shelved(self.database, f"{self.project}-beside")

    async def states(self, name=NAME):
        """The state of each version, by number."""
        return {version.number: version.state for version in await self.versions(name)}


def saying(text, **config):
    return Draft(content=Content((Message("user", text),)), config=Config(**config))


def text_of(version):
    return version.content.messages[-1].content


@asynccontextmanager
async def kept(url, project=None):
    async with opened(url) as database:
        yield Shelved(database, project or f"proj-{uuid4().hex}")


@asynccontextmanager
async def with_versions(url, count):
    """A prompt with so many drafts, each of which says its number."""
    async with kept(url) as prompts:
        await prompts.create(NewPrompt(name=NAME))
        for number in range(1, count + 1):
            await prompts.add(NAME, saying(f"I am {number}"), "ana")
        yield prompts
