"""The words of the prompts: a prompt, its versions, what one says to a model and how, and what is asked to change."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from agents.messages import Message, Sampling

State = Literal["DRAFT", "PRODUCTION", "ARCHIVED"]
Kind = Literal["text", "chat"]
LATEST = "latest"  # a label that nobody sets: the version with the highest number
PRODUCTION = "production"  # a label that nobody sets either: the version in production
LONGEST_NAME = 200  # characters
LONGEST_TEXT = 200_000
LONGEST_CONFIG = 100_000  # bytes of JSON
DEEPEST_CONFIG = 100  # lists and objects within one another
MOST_MESSAGES = 1_000
MOST_TAGS = 50
MOST_LABELS = 50

# What clients send of labels or tags: more than a prompt may have are counted, but no list of a megabyte is read.
Words = Annotated[tuple[str, ...], Meta(max_length=1_000)]


class Config(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename="camel"):
    """How a version is run; what is None is left to the model, the model itself to the gateway (3.2.1)."""

    model: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    agent: Literal["V1", "V2"] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    extra: dict[str, Any] = {}
    """What clients of the prompt keep with it (Langfuse's `config`), given back as it is and without effect here."""

    def sampling(self) -> Sampling:
        """Return how an answer is drawn."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, self.frequency_penalty, self.presence_penalty)


class Content(Struct, frozen=True):
    """What a version says: messages with `{{name}}` for what is filled in.

    A `text` is one message of the user, maybe behind one of the system. A `chat` has any, in any order.
    """

    messages: tuple[Message, ...]
    kind: Kind = "text"


class Version(Struct, frozen=True, kw_only=True):
    """One version of a prompt. Only a DRAFT changes; at most one is in PRODUCTION. Times in UTC.

    Attributes:
        number: 1 for the first; the number of a deleted draft is never given again.
        labels: Those that were put on it, sorted; neither `latest` nor `production`, which follow from the others.
        note: Why it was made, as its author says.
        promoted_at: When it last came into production; None if it never was.

    """

    number: int
    state: State
    content: Content
    config: Config
    note: str
    labels: tuple[str, ...]
    author: str
    created_at: datetime
    updated_at: datetime
    promoted_at: datetime | None
    archived_at: datetime | None


class StoredPrompt(Struct, frozen=True, kw_only=True):
    """A prompt of a project, without its versions. Times in UTC.

    Attributes:
        name: In NFC, without blanks around it; no two prompts of a project share one (3.3.2).
        category: A path such as `support/mails`; empty for none.
        latest: The highest number of a version that is there; None while there is none.
        production: The number of the version in production, if one is.

    """

    id: str
    project_id: str
    name: str
    description: str
    category: str
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    latest: int | None
    production: int | None


class Promotion(Struct, frozen=True, kw_only=True):
    """One change of what is in production; time in UTC.

    Attributes:
        number: 1 for the prompt's first.
        version: What came into production.
        replaced: The version that it took the place of; None where none was in production.
        back_to: For a rollback, the number of the promotion that is in force again; None for any other.

    """

    number: int
    version: int
    replaced: int | None
    back_to: int | None
    at: datetime
    author: str


class NewPrompt(Struct, frozen=True, kw_only=True):
    """A prompt to be made."""

    name: str
    description: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()


class PromptChange(Struct, frozen=True, kw_only=True):
    """What is to change of a prompt; what is unset stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET


class Draft(Struct, frozen=True, kw_only=True):
    """What a new version, or a draft that is edited, holds from now on."""

    content: Content
    config: Config = Config()
    note: str = ""


class Which(Struct, frozen=True):
    """Which version is meant: the one of a number, or of a label; of neither, the one in production (3.3.5)."""

    version: int | None = None
    label: str | None = None
