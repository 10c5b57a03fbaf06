"""Prompts taken into a folder and out of it: the version in production goes out, what differs comes in as a draft."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from accounts.pages import MOST_ROWS
from agents.prompts.drafts import checked_draft
from agents.prompts.errors import PromptError, PromptInvalid, PromptUnknown
from agents.prompts.folder import FileWrong, Sheet, sheet_of, written
from agents.prompts.names import (
    checked_category,
    checked_description,
    checked_labels,
    checked_name,
    checked_tags,
    spelled,
)
from agents.prompts.prompt import LATEST, Draft, NewPrompt, PromptChange, StoredPrompt, Version, Which
from agents.prompts.prompts import Prompts
from agents.prompts.tree import FolderWrong, category_of, own_path_of, path_of, sheets_in, told, write


class Outcome(Struct, frozen=True):
    """What became of a prompt.

    Attributes:
        path: Its file within the folder; None where there is none.
        done: For a file, whether its bytes changed; for a prompt, what was done last: `updated` says that its words or
            labels changed, and no version came.

    """

    path: str | None
    name: str
    version: int | None
    done: Literal["written", "unchanged", "without version", "gone", "created", "draft added", "updated", "promoted"]


class Incoming(Struct, frozen=True):
    """A file that was checked: everything in it can be kept."""

    path: str
    prompt: NewPrompt
    draft: Draft
    labels: tuple[str, ...]


async def exported(prompts: Prompts, project_id: str, folder: Path) -> list[Outcome]:
    """Write every prompt of a project into a folder: the version in production, else the newest.

    A prompt that has a file there keeps it, wherever it is; files of others are left alone. The files of prompts that
    are no more stay and are told as `gone`.

    Raises:
        FolderWrong: Something in it is no prompt, then nothing is written; or some could not be, then the others are.
        OSError: The folder cannot be made.

    """
    old = _files_in(folder)
    everything = [prompt async for prompt in all_prompts(prompts, project_id)]
    paths = _paths_for(folder, everything, old)
    outcomes: list[Outcome] = []
    problems: list[str] = []
    for prompt in everything:
        path = paths[prompt.name]
        try:
            if prompt.name not in old and (folder / path).exists():
                raise FileWrong("another file stands there")
            outcomes.append(await _put(prompts, prompt, folder, path))
        except PromptError as wrong:
            problems.append(f"{told(path)}: {prompt.name}: {wrong.detail}")
        except OSError as cause:
            problems.append(f"{told(path)}: {cause.strerror}")
    if problems:
        raise FolderWrong(problems)
    names = {prompt.name for prompt in everything}
    return outcomes + [Outcome(path, name, None, "gone") for name, path in sorted(old.items()) if name not in names]


async def _put(prompts: Prompts, prompt: StoredPrompt, folder: Path, path: str) -> Outcome:
    if prompt.latest is None:
        return Outcome(None, prompt.name, None, "without version")
    which = Which(label=LATEST) if prompt.production is None else Which()
    found, version = await prompts.loaded(prompt.project_id, prompt.name, which)
    changed = write(folder, path, written(sheet_of(found, version, category_of(path))))
    return Outcome(path, prompt.name, version.number, "written" if changed else "unchanged")


def _files_in(folder: Path) -> dict[str, str]:
    """Return the paths of the prompts that are in a folder, by their names; the folder is made if there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets, problems = sheets_in(folder)
    if problems:
        raise FolderWrong(problems)
    return {spelled(sheet.front.name): path for path, sheet in reversed(sheets.items())}


async def all_prompts(
    prompts: Prompts, project_id: str, *, category: str | None = None, tag: str | None = None
) -> AsyncIterator[StoredPrompt]:
    """Yield every prompt of a project by name, maybe only those of a category or with a tag."""
    after, more = "", True
    while more:
        page = await prompts.page(project_id, after=after, limit=MOST_ROWS, category=category, tag=tag)
        for prompt in page.rows:
            yield prompt
        more = page.has_more
        after = page.rows[-1].name if page.rows else ""


def _paths_for(folder: Path, everything: list[StoredPrompt], old: dict[str, str]) -> dict[str, str]:
    """Return the path of every prompt: the file that it has, else a new one that nothing else stands at."""
    new = [prompt for prompt in everything if prompt.name not in old]
    wanted = Counter(path_of(prompt.name, prompt.category) for prompt in new)
    paths = {prompt.name: old[prompt.name] for prompt in everything if prompt.name in old}
    for prompt in new:
        path = path_of(prompt.name, prompt.category)
        alone = wanted[path] == 1 and not (folder / path).exists()
        paths[prompt.name] = path if alone else own_path_of(prompt.name, prompt.category)
    return paths


def incoming(folder: Path, knows: Callable[[str], bool]) -> list[Incoming]:
    """Return every prompt of a folder, checked.

    Args:
        folder: Where the files are, however deep.
        knows: Whether there is a model of a name.

    Raises:
        FolderWrong: Something is wrong in it; each problem names the file and the field.
        OSError: It cannot be read.

    """
    if not folder.is_dir():
        raise FolderWrong([f"{told(str(folder))}: there is no such folder"])
    sheets, problems = sheets_in(folder)
    checked: dict[str, Incoming] = {}
    for path, sheet in sheets.items():
        try:
            found = _checked(path, sheet, knows)
        except PromptError as wrong:
            problems.append(f"{told(path)}: {wrong.param}: {wrong.detail}")
            continue
        first = checked.setdefault(found.prompt.name, found)
        if first is not found:
            problems.append(f"{told(path)}: name: {told(first.path)} has the same")
    if problems:
        raise FolderWrong(sorted(problems))
    return list(checked.values())


def _checked(path: str, sheet: Sheet, knows: Callable[[str], bool]) -> Incoming:
    front = sheet.front
    if front.model is not None and not knows(front.model):
        raise PromptInvalid(f"'{front.model}' is no model of this gateway; GET /models lists them", param="model")
    prompt = NewPrompt(
        name=checked_name(front.name),
        description=checked_description(front.description),
        category=checked_category(category_of(path) if front.category is None else front.category),
        tags=checked_tags(front.tags),
    )
    draft = checked_draft(Draft(content=sheet.content, config=front.config(), note=front.note))
    return Incoming(path, prompt, draft, checked_labels(front.labels))


async def imported(
    prompts: Prompts, project_id: str, files: list[Incoming], author: str, *, promote: bool
) -> list[Outcome]:
    """Bring a project to what the files say; what is so already is left alone.

    A version that is in production or the newest, with the same messages and config, is the one that a file means; else
    the file becomes a draft. The labels of a file are put on that version.

    Args:
        prompts: Where prompts are kept.
        project_id: The project.
        files: Checked, no two of a name.
        author: Whose work it is.
        promote: Whether the version of each file is in production afterwards.

    """
    return [await _taken_in(prompts, project_id, file, author, promote=promote) for file in files]


async def _taken_in(prompts: Prompts, project_id: str, file: Incoming, author: str, *, promote: bool) -> Outcome:
    name = file.prompt.name
    try:
        prompt = await prompts.find(project_id, name)
    except PromptUnknown:
        _, version = await prompts.create_with(project_id, file.prompt, file.draft, author, file.labels)
        done = "created"
    else:
        done = "updated" if await _describe(prompts, project_id, prompt, file.prompt) else "unchanged"
        version = await _meant(prompts, project_id, prompt, file.draft)
        if version is None:
            version = await prompts.add(project_id, name, file.draft, author, file.labels)
            done = "draft added"
        elif not set(file.labels) <= set(version.labels):
            version = await prompts.relabel(project_id, name, version.number, [*version.labels, *file.labels])
            done = "updated"
    if promote and version.state != "PRODUCTION":
        await prompts.promote(project_id, name, version.number, author)
        done = "promoted"
    return Outcome(file.path, name, version.number, done)


async def _describe(prompts: Prompts, project_id: str, prompt: StoredPrompt, said: NewPrompt) -> bool:
    """Change what is said of a prompt if it is not what the file says; whether it was not."""
    if (prompt.description, prompt.category, prompt.tags) == (said.description, said.category, said.tags):
        return False
    change = PromptChange(description=said.description, category=said.category, tags=said.tags)
    await prompts.change(project_id, prompt.name, change)
    return True


async def _meant(prompts: Prompts, project_id: str, prompt: StoredPrompt, draft: Draft) -> Version | None:
    """Return the version in production or the newest if it says the same; the one in production where both do."""
    numbers = dict.fromkeys(number for number in (prompt.production, prompt.latest) if number is not None)
    for number in numbers:
        version = await prompts.version(project_id, prompt.name, Which(version=number))
        if (version.content, version.config) == (draft.content, draft.config):
            return version
    return None
