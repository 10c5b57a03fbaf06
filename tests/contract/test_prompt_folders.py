"""Prompts go out into files and come in again on both databases: exactly, and only what differs."""

from pathlib import Path

import pytest

from agents.messages import Message
from agents.prompts.errors import PromptInvalid
from agents.prompts.exchange import exported, imported, incoming
from agents.prompts.prompt import Config, Content, Draft, NewPrompt, Which
from agents.prompts.prompts import Prompts
from tests.contract.databases import opened

pytestmark = pytest.mark.anyio
HERE, THERE = "proj-default", "proj-elsewhere"
CONFIG = Config(model="gpt-4o", temperature=0.3, extra={"team": ["a", {"b": None}]})


def text(said: str, system: str | None = None) -> Content:
    first = () if system is None else (Message("system", system),)
    return Content((*first, Message("user", said)))


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def edit(path: Path, old: str, new: str) -> None:
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))


async def done(prompts: Prompts, folder: Path, project: str = HERE, *, promote: bool = False) -> dict[str, str]:
    outcomes = await imported(prompts, project, incoming(folder, {"gpt-4o"}.__contains__), "me", promote=promote)
    return {outcome.name: f"{outcome.done} {outcome.version}" for outcome in outcomes}


async def some(prompts: Prompts) -> None:
    """Keep a prompt in production with a newer draft, a chat that is a draft, and one without a version."""
    new = NewPrompt(name="Email de Bienvenue", description="Accueil", category="Support/mails", tags=("a", "b"))
    served = Draft(content=text("Hi {{name}}\r\n---\n\n", "Be kind.  \n\n"), config=CONFIG, note="first")
    await prompts.create_with(HERE, new, served, "me", ["staging"])
    await prompts.promote(HERE, new.name, 1, "me")
    await prompts.add(HERE, new.name, Draft(content=text("Newer {{name}}")), "me")
    chat = Content((Message("user", "Hi"), Message("assistant", " {{x}}\t"), Message("user", "")), "chat")
    await prompts.create_with(
        HERE, NewPrompt(name="email de bienvenue", category="Support/mails"), Draft(content=chat), ""
    )
    await prompts.create(HERE, NewPrompt(name="empty"))


async def test_what_goes_out_comes_in_elsewhere_exactly_and_goes_out_from_there_the_same(url, tmp_path):
    async with opened(url) as database:
        prompts = Prompts(database, noticed_s=0)
        await some(prompts)
        out = await exported(prompts, HERE, tmp_path / "a")
        again = await exported(prompts, HERE, tmp_path / "a")
        came = await done(prompts, tmp_path / "a", THERE, promote=True)
        await exported(prompts, THERE, tmp_path / "b")
        one, other = [await prompts.loaded(project, "Email de Bienvenue", Which()) for project in (HERE, THERE)]

    assert [(each.name, each.version, each.done) for each in out] == [
        ("Email de Bienvenue", 1, "written"),
        ("email de bienvenue", 1, "written"),
        ("empty", None, "without version"),
    ]
    assert [each.done for each in again] == ["unchanged", "unchanged", "without version"]
    assert sorted(path.rpartition("-")[0] for path in files(tmp_path / "a")) == ["support/mails/email-de-bienvenue"] * 2
    assert came == {"Email de Bienvenue": "promoted 1", "email de bienvenue": "promoted 1"}
    assert (one[1].content, one[1].config, one[1].labels) == (other[1].content, other[1].config, other[1].labels)
    assert (one[0].description, one[0].category, one[0].tags) == (
        other[0].description,
        other[0].category,
        other[0].tags,
    )
    promoted = {path: data.replace(b"DRAFT", b"PRODUCTION") for path, data in files(tmp_path / "a").items()}
    assert files(tmp_path / "b") == promoted


async def test_what_is_so_already_is_left_alone_and_what_differs_becomes_a_draft(url, tmp_path):
    async with opened(url) as database:
        prompts = Prompts(database, noticed_s=0)
        await some(prompts)
        out = {each.name: each.path for each in await exported(prompts, HERE, tmp_path)}
        mail = tmp_path / out["Email de Bienvenue"]
        first = await done(prompts, tmp_path)
        edit(mail, "temperature: 0.3", "temperature: 0.4")
        second, third = await done(prompts, tmp_path), await done(prompts, tmp_path)
        in_production = await prompts.version(HERE, "Email de Bienvenue", Which())
        fourth, fifth = [await done(prompts, tmp_path, promote=True) for _ in range(2)]
        edit(mail, "Accueil", "Bienvenue")
        sixth = await done(prompts, tmp_path)
        served = await prompts.version(HERE, "Email de Bienvenue", Which())

    one, other = "Email de Bienvenue", "email de bienvenue"
    assert first == {one: "unchanged 1", other: "unchanged 1"}
    assert second == {one: "draft added 3", other: "unchanged 1"}
    assert third == {one: "unchanged 3", other: "unchanged 1"}
    assert (in_production.number, in_production.labels) == (1, ())
    assert fourth == {one: "promoted 3", other: "promoted 1"}
    assert fifth == {one: "unchanged 3", other: "unchanged 1"}
    assert sixth == {one: "updated 3", other: "unchanged 1"}
    assert (served.number, served.config.temperature, served.labels, served.note) == (3, 0.4, ("staging",), "first")


async def test_a_prompt_keeps_its_file_and_files_of_others_are_neither_overwritten_nor_removed(url, tmp_path):
    folder = tmp_path / "prompts"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "kept.md").write_text("---\nname: Mail\n---\nold")
    (folder / "note.md").write_text("---\nname: gone\n---\nold")
    (folder / "README.md").write_text("# Prompts")
    async with opened(url) as database:
        prompts = Prompts(database, noticed_s=0)
        for name in ("Mail", "Note"):
            await prompts.create_with(HERE, NewPrompt(name=name), Draft(content=text(f"new {name}")), "me")
        out = await exported(prompts, HERE, folder)

    told = {each.name: (each.path, each.done) for each in out}
    assert told["Mail"] == ("mine/kept.md", "written")
    assert told["gone"] == ("note.md", "gone")
    assert told["Note"][0].startswith("note-")
    assert (folder / "note.md").read_text().endswith("old")
    assert b"category: ''" in files(folder)["mine/kept.md"]
    assert len(files(folder)) == 4


async def test_one_wrong_file_keeps_all_out_and_every_problem_is_named(url, tmp_path):
    (tmp_path / "a.md").write_text("---\nname: fine\n---\nHi")
    (tmp_path / "b.md").write_text("---\nname: fine\n---\nHi")
    (tmp_path / "c.md").write_text("---\nname: x\nlabels: [production]\n---\nHi")
    (tmp_path / "d.md").write_text("---\nname: y\nmessages: []\n---\n")
    (tmp_path / "e.md").write_text("---\nname: z\ncategory: a//b\n---\n")
    (tmp_path / "h.md").write_text("---\nname: v\nmodel: gpt-5o\n---\nHi")
    (tmp_path / "g.md").write_text("# A title")
    (tmp_path / "f.md").write_text("---\nname: w\n---\n" + "x" * 200_001)
    async with opened(url) as database:
        prompts = Prompts(database, noticed_s=0)
        with pytest.raises(PromptInvalid) as refused:
            await done(prompts, tmp_path)
        with pytest.raises(PromptInvalid, match=r"g\.md: front matter"):
            await exported(prompts, HERE, tmp_path)
        kept = await prompts.page(HERE)

    problems = refused.value.detail.splitlines()
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["b.md", "name"],
        ["c.md", "labels"],
        ["d.md", "messages"],
        ["e.md", "category"],
        ["f.md", "messages"],
        ["g.md", "front matter"],
        ["h.md", "model"],
    ]
    assert problems[0] == "b.md: name: a.md has the same"
    assert kept.rows == []
