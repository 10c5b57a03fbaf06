"""Prompts that are generated and kept: what is asked, under which name, and the draft that comes of it (5.7)."""

import unicodedata

from msgspec import Struct, structs

from agents.prompts.errors import PromptInvalid, PromptTaken, PromptUnknown
from agents.prompts.names import checked_category, checked_description, checked_name, checked_tags
from agents.prompts.prompt import Config, Content, Draft, NewPrompt, StoredPrompt, Version
from agents.prompts.prompts import Prompts
from agents.prompts.tools.words import Made
from metering.receipt import Receipt
from router.menu import Menu
from router.prompt_views import DraftRequest, PromptAnswer, draft_of
from router.vendor_prompts import CallUsage, TargetModel

LONGEST_TITLE = 60  # characters of a name that is made of a task
MOST_READ = 1_000  # of the task: marks are put in order in a time that grows with the square of their number
UNTITLED = "Prompt"


class GenerationRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a prompt is generated from, and what is said of it; `targetModel` has no effect (5.1.1).

    Without a name it gets one of its task. With `newVersion` the draft is one more of the prompt that has the name.
    """

    task: str
    target_model: TargetModel = None
    name: str | None = None
    new_version: bool = False
    description: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    config: Config = Config()
    note: str = ""


class GeneratedPrompt(PromptAnswer, frozen=True, kw_only=True, rename="camel"):
    """The prompt, its new draft, tokens by call of a model, and the receipt."""

    usage: tuple[CallUsage, ...]
    metadata: Receipt


class Place(Struct, frozen=True):
    """Where a generated prompt goes: a prompt that is there, or one to be made.

    Attributes:
        named: Whether the name is the caller's own; one of ours gives way to another.

    """

    new: NewPrompt
    draft: Draft
    exists: bool
    named: bool


def place_of(asked: GenerationRequest, menu: Menu) -> Place:
    """Return where the prompt goes.

    Raises:
        PromptInvalid: What is said of it is not as it must be.

    """
    draft = draft_of(DraftRequest(template=asked.task, config=asked.config, note=asked.note), menu)
    new = NewPrompt(
        name=title_of(asked.task) if asked.name is None else checked_name(asked.name),
        description=checked_description(asked.description),
        category=checked_category(asked.category),
        tags=checked_tags(asked.tags),
    )
    if asked.new_version:
        _check_version_alone(asked)
    return Place(new, draft, exists=asked.new_version, named=asked.name is not None)


def _check_version_alone(asked: GenerationRequest) -> None:
    if asked.name is None:
        raise PromptInvalid("'newVersion' needs the 'name' of the prompt", param="name")
    for param in ("description", "category", "tags"):
        if getattr(asked, param):
            raise PromptInvalid(f"'{param}' is of a new prompt; change that of this one by PATCH", param=param)


async def check_place(place: Place, project_id: str, prompts: Prompts) -> None:
    """Refuse a place that cannot be taken, before a model is asked for what would go there.

    Raises:
        PromptTaken: There is a prompt of the name.
        PromptUnknown: There is none, and it should have one more version.
        StorageDown: Nobody can tell now.

    """
    if not place.named:
        return
    try:
        await prompts.find(project_id, place.new.name)
    except PromptUnknown:
        if place.exists:
            raise
        return
    if not place.exists:
        told = f"There is a prompt '{place.new.name}' already: choose another name, or send 'newVersion' as true"
        raise PromptTaken(told, param="name")


def title_of(task: str) -> str:
    """Return a name for the prompt of a task: its first words."""
    plain = unicodedata.normalize(
        "NFC", "".join([sign if sign.isprintable() else " " for sign in task.lstrip()[:MOST_READ]])
    )
    words = plain.split()
    title = ""
    for word in words:
        if len(title) + 1 + len(word) > LONGEST_TITLE:
            break
        title = f"{title} {word}".strip()
    title = title or "".join(words)[:LONGEST_TITLE]
    try:
        return checked_name(title)
    except PromptInvalid:
        return UNTITLED


async def kept(
    place: Place, made: Made, prompts: Prompts, project_id: str, author: str, request_id: str
) -> tuple[StoredPrompt, Version]:
    """Keep what was generated as a draft, and return it with its prompt.

    Args:
        place: Where it goes.
        made: What it says; how an answer may begin is left out, for many models take no beginning.
        prompts: Where prompts are kept.
        project_id: Whose it is.
        author: Who asked for it.
        request_id: Tells a name of ours from the same one of before.

    Raises:
        PromptTaken: The name was given to another prompt meanwhile.
        PromptUnknown: The prompt was deleted meanwhile.
        PromptInvalid: What was generated is too long to be kept.
        StorageDown: It cannot be kept now.

    """
    draft = structs.replace(place.draft, content=Content(made.messages[:1], "text"))
    if place.exists:
        version = await prompts.add(project_id, place.new.name, draft, author)
        return await prompts.find(project_id, place.new.name), version
    try:
        return await prompts.create_with(project_id, place.new, draft, author)
    except PromptTaken:
        if place.named:
            raise
    other = structs.replace(place.new, name=f"{place.new.name} ({request_id[-8:]})")
    return await prompts.create_with(project_id, other, draft, author)
