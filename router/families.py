"""The shapes that a refusal is written in, by the path it is written on (1.2)."""

from collections.abc import Sequence
from enum import Enum
from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")


class Family(Enum):
    """Whose shape and language a refusal has: ours (F1, French), the Prompt Manager's, OpenAI's (both English)."""

    F1 = 1
    F2 = 2
    F3 = 3

    def choose(self, french: T, english: T) -> T:
        """Return what is in the language of the family."""
        return french if self is Family.F1 else english


F1, F2, F3 = Family.F1, Family.F2, Family.F3


def family_of(path: str) -> Family:
    """Return the family of a path: `/v1/flow` is ours, the rest of `/v1` is OpenAI's."""
    if path.startswith("/v1/"):
        return F1 if path.startswith("/v1/flow/") else F3
    return F2 if path.startswith("/api/v1/") else F1


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


class Failure(Struct, frozen=True):
    """The F2 body."""

    error: str
    success: bool = False


class OpenAIFault(Struct, frozen=True):
    """What went wrong, in OpenAI's own four fields."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIProblem(Struct, frozen=True):
    """The F3 body."""

    error: OpenAIFault


def as_body(problem: Problem | Failure | OpenAIProblem) -> bytes:
    """Return a body as JSON."""
    return msgspec.json.encode(problem)
