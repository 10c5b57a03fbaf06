"""One contract for both databases: versions come with their labels at once, and are listed with those that fit."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from uuid import uuid4

import pytest

from accounts.revision import Revision
from agents.messages import Message
from agents.prompts.errors import PromptInvalid, PromptUnknown
from agents.prompts.listing import Asked
from agents.prompts.prompt import Config, Content, Draft, NewPrompt, Which
from agents.prompts.prompts import Prompts
from agents.prompts.publishing import Publication, Publications
from tests.contract.databases import opened
from tests.contract.prompts_parts import saying

pytestmark = pytest.mark.anyio
NAME = "dossier/Été"


class Press:
    """The publications of one project, whose every answer comes at once."""

    def __init__(self, database):
        self.database = database
        self.project = f"proj-{uuid4().hex}"
        self.prompts = Prompts(database, noticed_s=0)
        self._publications = Publications(database, noticed_s=0)

    def __getattr__(self, verb):
        return partial(getattr(self._publications, verb), self.project)

    async def put(self, new):
        return await self._publications.publish(self.project, new, "ana")

    async def publish(self, name=NAME, labels=(), tags=None, **config):
        return await self.put(Publication(name=name, draft=saying("x", **config), labels=tuple(labels), tags=tags))

    async def labels(self, name=NAME):
        return {version.number: version.labels for version in await self.prompts.versions(self.project, name)}

    async def names(self, **asked):
        page = await self.page(Asked(**{"page": 1, "limit": 50} | asked))
        return [(row.name, [version.number for version in row.versions]) for row in page.rows]


@asynccontextmanager
async def press(url):
    async with opened(url) as database:
        yield Press(database)


async def test_version_comes_with_its_labels_and_its_tags_and_in_production(shared_url):
    async with press(shared_url) as desk:
        first, _ = await desk.publish(labels=["production", "a", "b"], tags=("t", "u"))
        prompt, version = await desk.publish(labels=["Latest", "b", "PRODUCTION"])
        again, _ = await desk.publish(tags=("v",))
        _, third = await desk.prompts.loaded(desk.project, NAME, Which())

        assert (first.latest, first.production, first.tags) == (1, 1, ("t", "u"))
        assert (prompt.latest, prompt.production, prompt.tags) == (2, 2, ("t", "u"))
        assert (version.number, version.labels, version.state) == (2, ("b",), "PRODUCTION")
        assert (again.latest, again.production, again.tags) == (3, 2, ("v",))
        assert third == version
        assert await desk.labels() == {3: (), 2: ("b",), 1: ("a",)}


async def test_what_is_refused_leaves_nothing_behind(shared_url):
    chat = Content((Message("user", "x"),), "chat")
    async with press(shared_url) as desk:
        with pytest.raises(PromptInvalid, match="label"):
            await desk.publish(labels=["no good"])
        with pytest.raises(PromptUnknown):
            await desk.prompts.find(desk.project, NAME)
        await desk.publish(labels=["a"])
        new = Publication(name=NAME, draft=Draft(content=chat), labels=("a", "production"), tags=("t",))
        with pytest.raises(PromptInvalid, match="type 'text', not 'chat'"):
            await desk.put(new)
        await desk.publish(labels=["b"])
        with pytest.raises(PromptInvalid, match="latest"):
            await desk.label(NAME, 1, ("latest",), "ana")

        prompt = await desk.prompts.find(desk.project, NAME)
        assert (prompt.tags, prompt.production) == ((), None)
        assert await desk.labels() == {2: ("b",), 1: ("a",)}


async def test_twenty_who_publish_one_name_at_once_make_twenty_versions(shared_url):
    async with press(shared_url) as desk:
        made = await asyncio.gather(*(desk.publish(labels=["production", "a"]) for _ in range(20)))

        versions = await desk.prompts.versions(desk.project, NAME)
        assert sorted(version.number for _, version in made) == list(range(1, 21))
        assert [version.state for version in versions].count("PRODUCTION") == 1
        assert [version.number for version in versions if version.labels] == [
            version.number for version in versions if version.state == "PRODUCTION"
        ]


async def test_labels_are_added_and_taken_from_other_versions(shared_url):
    async with press(shared_url) as desk:
        for labels in (["a", "b"], ["c"]):
            await desk.publish(labels=labels)
        prompt, version = await desk.label(NAME, 2, ("latest", "b", "production"), "ana")

        assert (prompt.production, version.labels, version.state) == (2, ("b", "c"), "PRODUCTION")
        assert await desk.labels() == {2: ("b", "c"), 1: ("a",)}
        with pytest.raises(PromptUnknown, match="version 3"):
            await desk.label(NAME, 3, (), "ana")


async def test_draft_is_withdrawn_by_label_and_what_was_promoted_is_not(shared_url):
    async with press(shared_url) as desk:
        for labels in (["production"], ["a"]):
            await desk.publish(labels=labels)
        await desk.withdraw(NAME, Which(label="a"))
        with pytest.raises(PromptInvalid, match="DRAFT"):
            await desk.withdraw(NAME, Which(version=1))
        with pytest.raises(PromptUnknown):
            await desk.withdraw(NAME, Which(label="a"))

        assert list(await desk.labels()) == [1]


async def test_every_change_is_told_to_every_process(shared_url):
    async with press(shared_url) as desk:
        told = []
        revision = Revision(desk.database)
        await revision.look()
        revision.on_change(lambda: told.append(1))
        steps = [desk.publish, partial(desk.label, NAME, 1, ("a",), "ana"), partial(desk.withdraw, NAME, Which(1))]
        for count, step in enumerate(steps, 1):
            await step()
            await revision.look()
            assert len(told) == count


async def test_prompts_are_listed_with_the_versions_that_fit(shared_url):
    async with press(shared_url) as desk:
        for name, labels, tags in (("b", ["production"], ("t",)), ("a", ["x"], ("t", "u")), ("b", ["x"], None)):
            await desk.publish(name, labels=labels, tags=tags)
        await desk.prompts.create(desk.project, NewPrompt(name="no version"))

        assert await desk.names() == [("a", [1]), ("b", [1, 2])]
        assert await desk.names(name="b") == [("b", [1, 2])]
        assert await desk.names(label="x") == [("a", [1]), ("b", [2])]
        assert await desk.names(label="latest") == [("a", [1]), ("b", [2])]
        assert await desk.names(label="Production") == [("b", [1])]
        assert await desk.names(tag="u") == [("a", [1])]
        assert await desk.names(tag="nothing") == await desk.names(label="\0") == await desk.names(name="") == []


async def test_list_is_cut_into_pages_and_says_how_many_fit(shared_url):
    async with press(shared_url) as desk:
        for name in ("c", "a", "b"):
            await desk.publish(name, model=f"m-{name}")
        page = await desk.page(Asked(page=2, limit=2))
        beyond = await desk.page(Asked(page=3, limit=2))

        assert [(row.name, row.config.model, row.kind) for row in page.rows] == [("c", "m-c", "text")]
        assert (page.total, beyond.total, beyond.rows) == (3, 3, [])


async def test_list_is_cut_by_when_versions_changed(shared_url):
    async with press(shared_url) as desk:
        await desk.publish()
        _, second = await desk.publish()
        moment = second.updated_at.astimezone(timezone(timedelta(hours=2)))

        assert await desk.names(since=moment) == [(NAME, [2])]
        assert await desk.names(before=moment) == [(NAME, [1])]
        assert await desk.names(since=datetime.now(UTC) + timedelta(days=1)) == []


async def test_type_of_a_text_with_a_system_message_is_chat(shared_url):
    spoken = Content((Message("system", "s"), Message("user", 'x "system"')))
    async with press(shared_url) as desk:
        new = Publication(name=NAME, draft=Draft(content=spoken, config=Config(extra={"a": 1})))
        await desk.put(new)
        row = (await desk.page(Asked(page=1, limit=1))).rows[0]

        assert (row.kind, row.config.extra, row.versions[0].labels) == ("chat", {"a": 1}, ("latest",))
