"""`router prompts`: prompts listed, shown, run, promoted, compared, and taken out into files and in again."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cyclopts import App

from router.commands.prompt_files import export_prompts, import_prompts
from router.commands.prompt_run import run
from router.commands.prompt_terminal import AUTHOR, DEFAULT, Number, diff_told, with_prompts
from router.process import print_json, print_table, refuse

if TYPE_CHECKING:
    from agents.prompts.prompt import StoredPrompt, Version, Which
    from agents.prompts.prompts import Prompts

app = App(name="prompts", help="Prompts listed, shown, run, promoted, compared, and kept as files.")
app.command(run)
app.command(export_prompts, name="export")
app.command(import_prompts, name="import")


@app.command(name="list")
def list_prompts(
    *, project: str = DEFAULT, category: str | None = None, tag: str | None = None, json: bool = False
) -> None:
    """List the prompts of a project by name.

    Parameters
    ----------
    project
        The project's id.
    category
        Only those of this category, and of those within it.
    tag
        Only those with this tag.
    json
        One JSON object a line.

    """
    from agents.prompts.exchange import all_prompts  # noqa: PLC0415 - `--help` must be quick
    from router.prompt_views import prompt_row  # noqa: PLC0415 - same reason

    async def work(prompts: "Prompts") -> "list[StoredPrompt]":
        return [prompt async for prompt in all_prompts(prompts, project, category=category, tag=tag)]

    found = with_prompts(project, work)
    if json:
        print_json([prompt_row(prompt) for prompt in found])
    else:
        print_table(
            ("name", "category", "production", "latest", "tags"),
            [(each.name, each.category, each.production, each.latest, ", ".join(each.tags)) for each in found],
        )


@app.command
def show(
    name: str,
    *,
    version: Number = None,
    label: str | None = None,
    project: str = DEFAULT,
    json: bool = False,
) -> None:
    """Show a version as a file: the one in production, else the newest.

    Parameters
    ----------
    name
        The prompt's name.
    version
        The version of this number instead.
    label
        The version of this label instead, `latest` for the newest.
    project
        The project's id.
    json
        Print it as an object.

    """
    from agents.prompts.folder import FileWrong, sheet_of, written  # noqa: PLC0415 - `--help` must be quick
    from router.prompt_views import prompt_answer  # noqa: PLC0415 - same reason

    which = _which(version, label)
    prompt, found = with_prompts(project, lambda prompts: _shown(prompts, project, name, which))
    if json:
        print_json([prompt_answer(prompt, found)])
    else:
        try:
            sys.stdout.buffer.write(written(sheet_of(prompt, found, "")))
        except FileWrong as wrong:
            refuse([f"{wrong.detail}; use --json"])


@app.command
def versions(name: str, *, project: str = DEFAULT, json: bool = False) -> None:
    """List the versions of a prompt, the newest first.

    Parameters
    ----------
    name
        The prompt's name.
    project
        The project's id.
    json
        One JSON object a line.

    """
    from router.prompt_views import version_row  # noqa: PLC0415 - `--help` must be quick

    async def work(prompts: "Prompts") -> "tuple[StoredPrompt, list[Version]]":
        return await prompts.find(project, name), await prompts.versions(project, name)

    prompt, found = with_prompts(project, work)
    if json:
        print_json([version_row(prompt, each) for each in found])
        return
    print_table(
        ("version", "state", "labels", "created", "author", "note"),
        [(v.number, v.state, ", ".join(v.labels), v.created_at, v.author, " ".join(v.note.split())) for v in found],
    )


@app.command
def promote(name: str, version: int, /, *, project: str = DEFAULT, json: bool = False) -> None:
    """Put a version in production; the one that is there is archived. Every process runs it when this ends.

    Parameters
    ----------
    name
        The prompt's name.
    version
        The version's number.
    project
        The project's id.
    json
        Print the version as an object.

    """
    _promoted(project, name, lambda prompts: prompts.promote(project, name, version, AUTHOR), as_json=json)


@app.command
def rollback(name: str, /, *, project: str = DEFAULT, json: bool = False) -> None:
    """Put the version in production that was there before; once more goes one step further back.

    Parameters
    ----------
    name
        The prompt's name.
    project
        The project's id.
    json
        Print the version as an object.

    """
    _promoted(project, name, lambda prompts: prompts.rollback(project, name, AUTHOR), as_json=json)


@app.command
def diff(
    name: str,
    earlier: int | None = None,
    later: int | None = None,
    /,
    *,
    project: str = DEFAULT,
    json: bool = False,
) -> None:
    """Show what a version does otherwise than an earlier one.

    Parameters
    ----------
    name
        The prompt's name.
    earlier
        The number of the version to compare with; the one in production when none is given.
    later
        The number of the version to compare; the newest when none is given.
    project
        The project's id.
    json
        Print it as an object.

    """
    from agents.prompts.diff import difference  # noqa: PLC0415 - `--help` must be quick
    from agents.prompts.prompt import LATEST, Which  # noqa: PLC0415 - same reason
    from router.prompt_views import DiffAnswer  # noqa: PLC0415 - same reason

    async def work(prompts: "Prompts") -> "tuple[Version, Version]":
        to = Which(label=LATEST) if later is None else Which(version=later)
        return await prompts.version(project, name, Which(version=earlier)), await prompts.version(project, name, to)

    before, after = with_prompts(project, work)
    found = difference(before, after)
    if json:
        told = DiffAnswer(earlier=before.number, later=after.number, messages=found.messages, config=found.settings)
        print_json([told])
    else:
        sys.stdout.write("".join(f"{line}\n" for line in diff_told(before.number, after.number, found)))


async def _shown(prompts: "Prompts", project: str, name: str, which: "Which | None") -> "tuple[StoredPrompt, Version]":
    from agents.prompts.prompt import LATEST, Which  # noqa: PLC0415 - `--help` must be quick

    if which is None:
        in_production = (await prompts.find(project, name)).production is not None
        which = Which() if in_production else Which(label=LATEST)
    return await prompts.loaded(project, name, which)


def _which(version: int | None, label: str | None) -> "Which | None":
    from agents.prompts.prompt import Which  # noqa: PLC0415 - `--help` must be quick

    if version is not None and label is not None:
        refuse(["--version, --label: give one of them"])
    return None if version is None and label is None else Which(version, label)


def _promoted(project: str, name: str, work: "Callable[[Prompts], Awaitable[Version]]", *, as_json: bool) -> None:
    async def promoted(prompts: "Prompts") -> "tuple[StoredPrompt, Version]":
        version = await work(prompts)
        return await prompts.find(project, name), version

    prompt, version = with_prompts(project, promoted)
    if as_json:
        from router.prompt_views import version_row  # noqa: PLC0415 - `--help` must be quick

        print_json([version_row(prompt, version)])
    else:
        sys.stdout.write(f"version {version.number} of {prompt.name} is in production\n")
