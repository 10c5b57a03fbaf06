"""One contract for both databases: prompts are kept, found and changed the same way on each."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import uuid4

import pytest
from msgspec.structs import replace

from accounts.revision import Revision
from agents.messages import Message
from agents.prompts.errors import PromptInvalid, PromptTaken, PromptUnknown
from agents.prompts.prompt import Config, Content, Draft, NewPrompt, PromptChange, Which
from agents.prompts.prompts import Prompts
from tests.contract.databases import asking, opened
from tests.contract.prompts_parts import NAME, kept, saying, with_versions

pytestmark = pytest.mark.anyio
DECOMPOSED = "De\u0301jà"
COMPOSED = "Déjà"


async def test_a_prompt_and_its_first_version_come_back_as_they_were_given(shared_url):
    began = datetime.now(UTC) - timedelta(seconds=1)
    chat = Content((Message("assistant", "Ünï \0 {{x}}"), Message("user", "{{ y }}\n")), kind="chat")
    config = Config(model="gpt-4o", agent="V1", temperature=0.0, max_tokens=5, top_p=1.0, extra={"a": [1, None, "é"]})
    new = NewPrompt(
        name=f" {DECOMPOSED} / 1 ", description="d\n'?'", category=" a / b ", tags=("t", " u,v ", 't"', "t")
    )
    async with kept(shared_url) as prompts:
        made, version = await prompts.create_with(new, Draft(content=chat, config=config, note="why"), "ana")
        again, read = await prompts.loaded(f"{DECOMPOSED} / 1", Which(label="latest"))

    assert (again, read) == (made, version)
    assert (made.name, made.description, made.category) == (f"{COMPOSED} / 1", "d\n'?'", "a/b")
    assert (made.tags, made.latest, made.production) == (("t", "u,v", 't"'), 1, None)
    assert (version.number, version.state, version.content, version.config) == (1, "DRAFT", chat, config)
    assert (version.note, version.author, version.labels) == ("why", "ana", ())
    assert (version.promoted_at, version.archived_at) == (None, None)
    assert began < made.created_at == made.updated_at == version.created_at == version.updated_at
    assert version.created_at.tzinfo is UTC


async def test_names_are_unique_in_a_project_and_free_in_others(shared_url):
    async with kept(shared_url) as prompts:
        others = prompts.beside()
        for project, name in ((prompts, COMPOSED), (others, COMPOSED), (prompts, COMPOSED.lower())):
            await project.create(NewPrompt(name=name))

        with pytest.raises(PromptTaken, match=COMPOSED):
            await prompts.create(NewPrompt(name=DECOMPOSED))
        with pytest.raises(PromptTaken):
            await prompts.create_with(NewPrompt(name=COMPOSED), saying("x"), "ana")
        with pytest.raises(PromptTaken):
            await prompts.change(COMPOSED, PromptChange(name="déjà"))
        await others.delete(COMPOSED)

        assert (await prompts.find(COMPOSED)).latest is None


async def test_of_many_who_want_one_name_one_gets_it(shared_url):
    async with kept(shared_url) as prompts:
        for number in range(6):
            await prompts.create(NewPrompt(name=f"p{number}"))
        moves = [prompts.change(f"p{number}", PromptChange(name="wanted")) for number in range(6)]
        makes = [prompts.create(NewPrompt(name="wanted")) for _ in range(3)]
        outcomes = await asyncio.gather(*moves, *makes, return_exceptions=True)

    assert sorted(type(each).__name__ for each in outcomes) == ["PromptTaken"] * 8 + ["StoredPrompt"]


async def test_what_is_not_named_in_a_change_stays_and_versions_follow_the_name(shared_url):
    async with with_versions(shared_url, 2) as prompts:
        await prompts.promote(NAME, 1, "ana")
        before = await prompts.change(NAME, PromptChange(description="d", tags=("t",)))
        after = await prompts.change(NAME, PromptChange(name="Autre", category="mails"))
        version = await prompts.version("Autre", Which())

        assert replace(after, name=NAME, category="", updated_at=before.updated_at) == before
        assert (version.number, after.latest, after.production) == (1, 2, 1)
        assert (await prompts.change("Autre", PromptChange(name=" Autre "))).name == "Autre"
        with pytest.raises(PromptUnknown):
            await prompts.find(NAME)


async def test_a_list_is_by_name_in_the_same_order_on_every_database(shared_url):
    names = ["Z", "a", "b/c", "b d", "É", "é", "😀", "\ufb01"]
    async with kept(shared_url) as prompts:
        for name in names:
            await prompts.create(NewPrompt(name=name))
        await prompts.beside().create(NewPrompt(name="c"))
        listed, after, more = [], "", True
        while more:
            page = await prompts.page(after=after, limit=3)
            listed += [prompt.name for prompt in page.rows]
            after, more = listed[-1], page.has_more

    assert listed == sorted(names)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"category": "mails"}, ["a", "b"]),
        ({"category": "mails/old"}, ["b"]),
        ({"category": "mail"}, []),
        ({"category": ""}, ["d"]),
        ({"tag": "x"}, ["a"]),
        ({"tag": "X"}, []),
        ({"tag": 'y"z'}, ["b"]),
        ({"tag": "\0"}, []),
        ({"search": "RESUME"}, ["a", "c"]),
        ({"search": "100%"}, ["d"]),
        ({"search": ""}, ["a", "b", "c", "d"]),
        ({"search": "\ud800"}, []),
        ({"search": "mails", "tag": "w"}, ["b"]),
    ],
)
async def test_a_list_is_narrowed_by_category_tag_and_words(shared_url, asked, found):
    async with kept(shared_url) as prompts:
        for new in (
            NewPrompt(name="a", description="Un résumé", category="mails", tags=("x", "w2")),
            NewPrompt(name="b", category="mails/old", tags=('y"z', "w")),
            NewPrompt(name="c", category="Mails", tags=("xx", "Résumé")),
            NewPrompt(name="d", description="100% sûr"),
        ):
            await prompts.create(new)

        assert [prompt.name for prompt in (await prompts.page(**asked)).rows] == found


@pytest.mark.parametrize(
    ("name", "which", "text"),
    [
        ("nobody", Which(), "Prompt 'nobody' not found or has no PRODUCTION version"),
        (NAME, Which(), f"Prompt '{NAME}' not found or has no PRODUCTION version"),
        (NAME, Which(label="production"), f"Prompt '{NAME}' not found or has no PRODUCTION version"),
        ("nobody", Which(version=1), "Prompt 'nobody' not found"),
        ("nobody", Which(label="latest"), "Prompt 'nobody' not found"),
        (NAME, Which(version=7), f"Prompt '{NAME}' has no version 7"),
        (NAME, Which(version=-1), f"Prompt '{NAME}' has no version -1"),
        (NAME, Which(version=2**64), f"Prompt '{NAME}' has no version {2**64}"),
        (NAME, Which(label="beta"), f"Prompt '{NAME}' has no version labelled 'beta'"),
        (NAME, Which(label="\0"), f"Prompt '{NAME}' has no version labelled '\0'"),
        ("a\0b", Which(), "Prompt 'a\0b' not found or has no PRODUCTION version"),
        ("\ud800", Which(), "Prompt '?' not found or has no PRODUCTION version"),
        ("x" * 300, Which(version=1), f"Prompt '{'x' * 200}' not found"),
    ],
)
async def test_who_asks_for_what_is_not_there_is_told_what(shared_url, name, which, text):
    async with with_versions(shared_url, 1) as prompts:
        with pytest.raises(PromptUnknown) as raised:
            await prompts.loaded(name, which)

    assert raised.value.detail == text


async def test_nobody_reaches_the_prompts_of_another_project(shared_url):
    async with with_versions(shared_url, 1) as prompts:
        others = prompts.beside()
        for refused in (
            others.find(NAME),
            others.add(NAME, saying("x"), "eve"),
            others.promote(NAME, 1, "eve"),
            others.relabel(NAME, 1, ["x"]),
            others.change(NAME, PromptChange(description="x")),
            others.delete(NAME),
            others.versions(NAME),
            others.promotions(NAME),
        ):
            with pytest.raises(PromptUnknown):
                await refused

        assert await prompts.states() == {1: "DRAFT"}


async def test_a_deleted_prompt_leaves_nothing_and_its_name_is_free(shared_url):
    sample = "INSERT INTO prompt_samples (id, prompt_id, name, variables, output, author, created_at) VALUES"

    async with with_versions(shared_url, 2) as prompts:
        made = await prompts.find(NAME)
        await prompts.relabel(NAME, 1, ["beta"])
        await prompts.promote(NAME, 1, "ana")
        await prompts.database.write(asking(f"{sample} (?, ?, 'n', '{{}}', '', '', '')", f"s-{made.id}", made.id))
        before = [await parts_of(made.id, prompts.database), await prompts.delete(NAME)]
        after = await parts_of(made.id, prompts.database)
        anew, version = await prompts.create_with(NewPrompt(name=NAME), saying("y"), "ana")

    assert (before, after) == ([[2, 1, 1, 1], None], [0] * 4)
    assert (version.number, anew.production, anew.id != made.id) == (1, None, True)


async def parts_of(prompt_id, database):
    """How many versions, labels, promotions and samples a prompt has."""
    parts = ("versions", "labels", "promotions", "samples")
    counts = [asking(f"SELECT COUNT(*) FROM prompt_{part} WHERE prompt_id = ?", prompt_id) for part in parts]  # noqa: S608 - names of ours
    return [(await database.read(count))[0][0] for count in counts]


async def test_whatever_changes_a_prompt_is_noticed(shared_url):
    async with kept(shared_url) as prompts:
        revision, seen = Revision(prompts.database), []
        revision.on_change(lambda: seen.append(revision))
        await revision.look()
        before = len(seen)
        changes = (
            lambda: prompts.create(NewPrompt(name="p")),
            lambda: prompts.add("p", saying("1"), "ana"),
            lambda: prompts.edit("p", 1, saying("2")),
            lambda: prompts.promote("p", 1, "ana"),
            lambda: prompts.relabel("p", 1, ["beta"]),
            lambda: prompts.change("p", PromptChange(name="q")),
            lambda: prompts.archive("q", 1),
            lambda: prompts.delete("q"),
        )
        for count, change in enumerate(changes, before + 1):
            await change()
            await revision.look()

            assert len(seen) == count


async def test_a_change_is_answered_once_nobody_goes_by_what_was_before(shared_url):
    async with opened(shared_url) as database:
        began = monotonic()
        await Prompts(database, noticed_s=0.2).create(uuid4().hex, NewPrompt(name="r"))

        assert monotonic() - began >= 0.2


async def test_half_a_prompt_is_never_made(shared_url):
    async with kept(shared_url) as prompts:
        with pytest.raises(PromptInvalid):
            await prompts.create_with(NewPrompt(name="p"), Draft(content=Content(())), "ana")

        assert (await prompts.page()).rows == []
