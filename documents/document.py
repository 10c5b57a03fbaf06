"""A document of a project, and the passages that it is cut into."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

State = Literal["processing", "ready", "failed"]
Format = Literal["txt", "md", "html", "pdf", "docx"]


class Document(Struct, frozen=True, kw_only=True):
    """A document; times in UTC.

    Attributes:
        id: A UUID.
        size: Of the upload, in bytes.
        tokens: Of its passages, once they are known.
        passages: How many there are, once they are known.
        error: Why it failed, in English.
        subject: Who uploaded it, on whom its embeddings are booked; `key_id` is the key that was used.

    """

    id: str
    project_id: str
    name: str
    format: Format
    size: int
    state: State
    created_at: datetime
    tokens: int | None = None
    passages: int | None = None
    error: str | None = None
    subject: str
    key_id: str | None = None


class Passage(Struct, frozen=True):
    """A part of a document, small enough to be searched and cited.

    `number` counts from 1 in the order of the document; `heading` is the path of titles above it, `A > B`, maybe empty.
    `tokens` are those of the text, by the vocabulary o200k_base. `words` are those that a search by keywords looks for;
    they are told by whoever cuts the passage, and left out where it is shown.
    """

    number: int
    heading: str
    text: str
    tokens: int
    words: str = ""


class Hit(Struct, frozen=True):
    """A passage that was found, and how well it fits: best is highest, about 0 to 1."""

    document_id: str
    name: str
    passage: Passage
    score: float
