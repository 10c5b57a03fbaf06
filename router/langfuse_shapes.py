"""Prompts in Langfuse's shapes: what its clients send and read, and how `config` becomes ours and back (3.3.7).

Read off the fields of langfuse-python 5.0.4: a text prompt is one string, a chat a list of `role` and `content`; labels
are of a version, tags of the prompt; `config` is anything, which its clients get back as they sent it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, cast, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from agents.messages import Message, Role
from agents.prompts.errors import PromptInvalid
from agents.prompts.listing import Asked, Listed, Listing
from agents.prompts.prompt import LATEST, PRODUCTION, Config, Content, Draft, Kind, StoredPrompt, Version, Words
from agents.prompts.publishing import Publication, type_of

ROLES: tuple[str, ...] = get_args(Role)
PLACEHOLDER = "placeholder"
NO_PLACEHOLDERS = "and prompts have none here: write its messages, with {{variables}} for what changes"
# Both spellings of what a config says of a run: ours in Python, which most clients write, and ours over HTTP.
FIELDS = tuple(field for field in structs.fields(Config) if field.name != "extra")
SPELT = {spelling: field.name for field in FIELDS for spelling in (field.name, field.encode_name)}


class SentMessage(Struct, frozen=True):
    """A message of a chat prompt, or the `placeholder` of one, which there is not here."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    type: str | None = None
    name: str | None = None


class SentPrompt(Struct, frozen=True, rename="camel"):
    """A new version, of a prompt that may be new too; `type` is text where it is not said."""

    name: str
    prompt: str | tuple[SentMessage, ...]
    type: Kind | None = None
    config: dict[str, Any] | None = None
    labels: Words | None = None
    tags: Words | None = None
    commit_message: str | None = None


class SentLabels(Struct, frozen=True, rename="camel"):
    """Labels that a version gets beside those it has; other versions lose them."""

    new_labels: Words


class ShownPrompt(Struct, frozen=True, kw_only=True, rename="camel"):
    """A version of a prompt. Times in UTC; `resolutionGraph` is null, for no prompt includes another here."""

    name: str
    version: int
    type: Kind
    prompt: str | tuple[Message, ...]
    config: dict[str, Any]
    labels: list[str]
    tags: tuple[str, ...]
    commit_message: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    resolution_graph: None = None


class ListedPrompt(Struct, frozen=True, kw_only=True, rename="camel"):
    """A prompt, with the versions that were asked for; `type` and `lastConfig` are those of the last of them."""

    name: str
    type: Kind
    versions: list[int]
    labels: list[str]
    tags: tuple[str, ...]
    last_updated_at: datetime
    last_config: dict[str, Any]


class Position(Struct, frozen=True, rename="camel"):
    """Which page of how many."""

    page: int
    limit: int
    total_items: int
    total_pages: int


class PromptList(Struct, frozen=True):
    """Prompts by name."""

    data: list[ListedPrompt]
    meta: Position


class Organization(Struct, frozen=True):
    """Whose the projects are: there is one."""

    id: str
    name: str


class ShownProject(Struct, frozen=True):
    """The project of the caller."""

    id: str
    name: str
    organization: Organization
    metadata: dict[str, str]


class ProjectList(Struct, frozen=True):
    """The projects that the caller may use: one."""

    data: list[ShownProject]


def publication_of(sent: SentPrompt) -> Publication:
    """Return what is to be published.

    Raises:
        PromptInvalid: As `content_of`.

    """
    draft = Draft(content=content_of(sent), config=config_of(sent.config or {}), note=sent.commit_message or "")
    return Publication(name=sent.name, draft=draft, labels=sent.labels or (), tags=sent.tags)


def content_of(sent: SentPrompt) -> Content:
    """Return what a new version says.

    Raises:
        PromptInvalid: Its type and its prompt do not fit, or a message is none of ours.

    """
    if isinstance(sent.prompt, str):
        if sent.type == "chat":
            raise PromptInvalid("'prompt' must be an array of messages when 'type' is 'chat'", param="prompt")
        return Content((Message("user", sent.prompt),), "text")
    if sent.type != "chat":
        raise PromptInvalid("'prompt' must be a string unless 'type' is 'chat'", param="prompt")
    return Content(tuple(_messages(sent.prompt)), "chat")


def _messages(sent: Iterable[SentMessage]) -> Iterator[Message]:
    for number, message in enumerate(sent):
        at = f"prompt[{number}]"
        if message.type == PLACEHOLDER or (message.role is UNSET and message.name is not None):
            raise PromptInvalid(f"'{at}' is a placeholder, {NO_PLACEHOLDERS}", param=at)
        if message.role is UNSET or message.content is UNSET:
            raise PromptInvalid(f"'{at}' must have 'role' and 'content'", param=at)
        if message.role not in ROLES:
            raise PromptInvalid(f"'{at}.role' must be one of {', '.join(ROLES)}", param=f"{at}.role")
        yield Message(cast("Role", message.role), message.content)


def config_of(sent: dict[str, Any]) -> Config:
    """Return a config that keeps all that was sent, and runs by what of it fits a run."""
    fitting: dict[str, Any] = {}
    for field in FIELDS:
        for spelling in (field.name, field.encode_name):
            if field.name not in fitting and sent.get(spelling) is not None:
                try:
                    fitting[field.name] = msgspec.convert(sent[spelling], field.type)
                except msgspec.ValidationError:
                    continue  # It is kept, as whatever else a client keeps there for itself.
    return Config(**fitting, extra=sent)


def shown_config(config: Config) -> dict[str, Any]:
    """Return a config as it was sent; what was said of the run elsewhere since then wins, in Python's spelling."""
    kept = config_of(config.extra)
    changed = {
        field.name: getattr(config, field.name)
        for field in FIELDS
        if getattr(config, field.name) != getattr(kept, field.name)
    }
    if not changed:
        return config.extra
    shown = {name: value for name, value in config.extra.items() if SPELT.get(name) not in changed}
    return shown | {name: value for name, value in changed.items() if value is not None}


def shown(prompt: StoredPrompt, version: Version) -> ShownPrompt:
    """Return a version of a prompt."""
    kind = type_of(version.content)
    messages = version.content.messages
    following = [LATEST] * (version.number == prompt.latest) + [PRODUCTION] * (version.number == prompt.production)
    return ShownPrompt(
        name=prompt.name,
        version=version.number,
        type=kind,
        prompt=messages[0].content if kind == "text" else messages,
        config=shown_config(version.config),
        labels=sorted([*version.labels, *following]),
        tags=prompt.tags,
        commit_message=version.note or None,
        created_by=version.author,
        created_at=version.created_at,
        updated_at=version.updated_at,
    )


def listed(listing: Listing, asked: Asked) -> PromptList:
    """Return a page of prompts."""
    pages = -(-listing.total // asked.limit)
    return PromptList([_row(each) for each in listing.rows], Position(asked.page, asked.limit, listing.total, pages))


def _row(prompt: Listed) -> ListedPrompt:
    # Written as JSON here, one after the other: all the values of a page at once would hold the loop.
    config = msgspec.Raw(msgspec.json.encode(shown_config(prompt.config)))
    return ListedPrompt(
        name=prompt.name,
        type=prompt.kind,
        versions=[version.number for version in prompt.versions],
        labels=sorted({label for version in prompt.versions for label in version.labels}),
        tags=prompt.tags,
        last_updated_at=max(version.updated_at for version in prompt.versions),
        last_config=cast("dict[str, Any]", config),
    )
