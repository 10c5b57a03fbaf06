"""The shapes that a refusal is written in, by the path it is written on (1.2)."""

from collections.abc import Sequence
from enum import Enum
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

T = TypeVar("T")
ANTHROPIC = ("/v1/experimental/", "/v1/messages/")


class Family(Enum):
    """Whose shape and language a refusal has: ours, in French, or in English that of whoever's clients call.

    F1 is ours, F2 the Prompt Manager's, F3 OpenAI's, F4 Anthropic's and F5 Langfuse's.
    """

    F1 = 1
    F2 = 2
    F3 = 3
    F4 = 4
    F5 = 5

    def choose(self, french: T, english: T) -> T:
        """Return what is in the language of the family."""
        return french if self is Family.F1 else english


F1, F2, F3, F4, F5 = Family.F1, Family.F2, Family.F3, Family.F4, Family.F5


def family_of(path: str) -> Family:
    """Return the family of a path: of `/v1`, flows are ours, two surfaces are Anthropic's and the rest is OpenAI's."""
    if path.startswith("/v1/"):
        if path.startswith("/v1/flow/"):
            return F1
        return F4 if path.startswith(ANTHROPIC) or path == "/v1/messages" else F3
    if path.startswith("/api/"):
        return F2 if path.startswith("/api/v1/") else F5 if path.startswith("/api/public/") else F1
    return F1


def id_headers(request_id: str, family: Family) -> list[tuple[bytes, bytes]]:
    """Return the headers that name a request: ours, and the one that Anthropic's clients read."""
    name = request_id.encode()
    return [(b"x-request-id", name), (b"request-id", name)] if family is F4 else [(b"x-request-id", name)]


class Detail(Struct, frozen=True):
    """One fault of the request: what, in which field, of which part."""

    message: str
    key: str
    source: str


class Fault(Struct, frozen=True):
    """The error as OpenAI shapes it, with the request's id."""

    message: str
    type: str
    param: str | None
    code: str
    request_id: str


class Problem(Struct, frozen=True):
    """The F1 body."""

    status_code: int
    detail: str
    extra: Sequence[Detail]
    error: Fault


class Failure(Struct, frozen=True, kw_only=True):
    """The F2 body, as the Prompt Manager writes it."""

    success: bool = False
    error: str


class OpenAIFault(Struct, frozen=True):
    """What went wrong, in OpenAI's own four fields."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIProblem(Struct, frozen=True):
    """The F3 body."""

    error: OpenAIFault


class SpendDetails(Struct, frozen=True):
    """Anthropic's code for what its type alone does not say."""

    error_code: str


class AnthropicFault(Struct, frozen=True):
    """What went wrong, in Anthropic's fields."""

    type: str
    message: str
    details: SpendDetails | UnsetType = UNSET


class AnthropicProblem(Struct, frozen=True, kw_only=True):
    """The F4 body."""

    type: Literal["error"] = "error"
    error: AnthropicFault
    request_id: str


class LangfuseProblem(Struct, frozen=True):
    """The F5 body."""

    message: str
    error: str


Refusal = Problem | Failure | OpenAIProblem | AnthropicProblem | LangfuseProblem


def as_body(problem: Refusal) -> bytes:
    """Return a body as JSON."""
    return msgspec.json.encode(problem)
