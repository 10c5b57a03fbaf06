"""Prompts and versions as their management shows them, and what it takes for new ones (3.3)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from agents.aside import aside
from agents.messages import Message, Role
from agents.prompts.diff import MessageDiff, SettingDiff
from agents.prompts.errors import PromptInvalid
from agents.prompts.prompt import (
    LATEST,
    LONGEST_TEXT,
    MOST_MESSAGES,
    PRODUCTION,
    Config,
    Content,
    Draft,
    Kind,
    NewPrompt,
    Promotion,
    PromptChange,
    State,
    StoredPrompt,
    Version,
    Words,
)
from agents.prompts.template import compiled
from router.decoding import LONGEST_ECHO
from router.menu import Menu

LONG_TEXT = 20_000  # characters whose variables are not looked for on the loop

T = TypeVar("T")
Said = Annotated[str, Meta(max_length=LONGEST_TEXT)]


class SentMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A message of a chat."""

    role: Role
    content: Said


class DraftRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version holds: `template`, maybe behind `system`, or else `messages`; `{{name}}` is a variable."""

    template: Said | None = None
    system: Said | None = None
    messages: Annotated[tuple[SentMessage, ...], Meta(min_length=1, max_length=MOST_MESSAGES)] | None = None
    config: Config = Config()
    note: str = ""


class VersionRequest(DraftRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new version; labels that lie on another one move to it."""

    labels: Words = ()


class PromptRequest(VersionRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new prompt, with its first version if there is anything of one."""

    name: str
    description: str = ""
    category: str = ""
    tags: Words = ()


class PromptPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of a prompt; what is left out stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    tags: Words | UnsetType = UNSET


class LabelsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """All labels of a version from now on; they leave other versions."""

    labels: Words


class VersionRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A version: `system` and `template` of kind text alone, `messages` always. Times in UTC."""

    number: int
    state: State
    kind: Kind
    system: str | None
    template: str | None
    messages: tuple[Message, ...]
    variables: tuple[str, ...]
    config: Config
    labels: list[str]
    note: str
    author: str
    created_at: datetime
    updated_at: datetime
    promoted_at: datetime | None
    archived_at: datetime | None


class VersionAnswer(VersionRow, frozen=True, kw_only=True, rename="camel"):
    """One version."""

    success: bool = True


class VersionList(Struct, frozen=True, rename="camel"):
    """Versions of a prompt, the newest first, and whether there are more after the last one."""

    versions: list[VersionRow]
    has_more: bool
    success: bool = True


class PromptRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A prompt: `latest` and `production` are numbers of versions. Times in UTC."""

    id: str
    name: str
    description: str
    category: str
    tags: tuple[str, ...]
    latest: int | None
    production: int | None
    created_at: datetime
    updated_at: datetime


class PromptAnswer(PromptRow, frozen=True, kw_only=True, rename="camel"):
    """One prompt, and one of its versions if there is the one that is meant."""

    version: VersionRow | None
    success: bool = True


class PromptList(Struct, frozen=True, rename="camel"):
    """Prompts by name, and whether there are more after the last one."""

    prompts: list[PromptRow]
    has_more: bool
    success: bool = True


class PromotionRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A version that came into production, instead of `replaced`; `backTo` is the promotion that a rollback went to."""

    number: int
    version: int
    replaced: int | None
    back_to: int | None
    at: datetime
    author: str


class PromotionList(Struct, frozen=True):
    """What came into production when, the latest first."""

    promotions: list[PromotionRow]
    success: bool = True


class DiffAnswer(Struct, frozen=True, kw_only=True, rename={"earlier": "from", "later": "to"}):
    """What differs between two versions: messages in the unified format, and settings of the config."""

    earlier: int
    later: int
    messages: list[MessageDiff]
    config: list[SettingDiff]
    success: bool = True


def content_of(asked: DraftRequest) -> Content | None:
    """Return what a version is to say; None where nothing is sent of it.

    Raises:
        PromptInvalid: It is sent in both ways, or a system message alone.

    """
    if asked.messages is not None:
        if asked.template is not None or asked.system is not None:
            raise PromptInvalid("send 'messages', or 'template' and maybe 'system', not both", param="messages")
        return Content(tuple(Message(each.role, each.content) for each in asked.messages), "chat")
    if asked.template is None:
        if asked.system is not None:
            raise PromptInvalid("required field 'template' is missing: 'system' alone asks nothing", param="template")
        return None
    system = () if asked.system is None else (Message("system", asked.system),)
    return Content((*system, Message("user", asked.template)), "text")


def draft_of(asked: DraftRequest, menu: Menu) -> Draft:
    """Return the version that is asked for.

    Raises:
        PromptInvalid: It says nothing, or names a model that there is not.

    """
    content = content_of(asked)
    if content is None:
        raise PromptInvalid("required field 'template' or 'messages' is missing", param="template")
    model = asked.config.model
    if model is not None and not menu.knows(model):
        told = f"'config.model' names no model of this gateway: '{model[:LONGEST_ECHO]}'; GET /models lists them"
        raise PromptInvalid(told, param="config.model")
    return Draft(content=content, config=asked.config, note=asked.note)


def new_prompt_of(asked: PromptRequest) -> NewPrompt:
    """Return the prompt that is asked for, without its version."""
    return NewPrompt(name=asked.name, description=asked.description, category=asked.category, tags=asked.tags)


def change_of(asked: PromptPatch) -> PromptChange:
    """Return the change that is asked for."""
    return PromptChange(name=asked.name, description=asked.description, category=asked.category, tags=asked.tags)


def prompt_row(prompt: StoredPrompt) -> PromptRow:
    """Return a prompt as it is listed."""
    return PromptRow(**_of_prompt(prompt))


def prompt_answer(prompt: StoredPrompt, version: Version | None) -> PromptAnswer:
    """Return a prompt with one of its versions."""
    row = None if version is None else version_row(prompt, version)
    return PromptAnswer(**_of_prompt(prompt), version=row)


def version_row(prompt: StoredPrompt, version: Version) -> VersionRow:
    """Return a version as it is listed."""
    return VersionRow(**_of_version(prompt, version))


def version_answer(prompt: StoredPrompt, version: Version) -> VersionAnswer:
    """Return a version by itself."""
    return VersionAnswer(**_of_version(prompt, version))


async def shown(view: Callable[[], T], *versions: Version | None) -> T:
    """Return a view of versions, made beside the loop when they are long: braces by the megabyte take a while."""
    messages = [message for version in versions if version is not None for message in version.content.messages]
    return await aside(view) if sum(len(each.content) for each in messages) > LONG_TEXT else view()


def promotion_row(promotion: Promotion) -> PromotionRow:
    """Return a promotion as it is listed."""
    return PromotionRow(
        number=promotion.number,
        version=promotion.version,
        replaced=promotion.replaced,
        back_to=promotion.back_to,
        at=promotion.at,
        author=promotion.author,
    )


def _of_prompt(prompt: StoredPrompt) -> dict[str, Any]:
    return {name: getattr(prompt, name) for name in PromptRow.__struct_fields__}


def _of_version(prompt: StoredPrompt, version: Version) -> dict[str, Any]:
    content = version.content
    texts = {message.role: message.content for message in content.messages} if content.kind == "text" else {}
    same = ("number", "state", "config", "note", "author", "created_at", "updated_at", "promoted_at", "archived_at")
    return {name: getattr(version, name) for name in same} | {
        "kind": content.kind,
        "system": texts.get("system"),
        "template": texts.get("user"),
        "messages": content.messages,
        "variables": compiled(content).variables,
        "labels": sorted((*version.labels, *_following(prompt, version))),
    }


def _following(prompt: StoredPrompt, version: Version) -> Iterable[str]:
    """Yield the labels that nobody sets, which follow from where a version stands."""
    if version.number == prompt.latest:
        yield LATEST
    if version.state == "PRODUCTION":
        yield PRODUCTION
