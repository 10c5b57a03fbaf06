"""Forms as they are sent, by multipart: read as they come, each part by whoever takes it, no field unknown."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Protocol
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from router.decoding import LONGEST_ECHO
from router.errors import Refused

FORM = "multipart/form-data"
FILE = "file"  # what every form here has
MOST_FORM_BYTES = 200_000  # of a form, what is not its file
MOST_PARTS = 8
MOST_HEADERS = 8  # of a part
MOST_HEADER_BYTES = 16_384  # names of files are long at times
LONGEST_BOUNDARY = 200
EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
NO_FORM = "le corps multipart est mal formé ou coupé"


class Part(Protocol):
    """Takes one part of a form."""

    def begin(self, file_name: str) -> None:
        """Begin it; its file name is what the client says, empty where it says none."""
        ...

    async def add(self, data: bytes) -> None:
        """Take some more of it."""
        ...


class Field:
    """A part that is a short text.

    Args:
        name: As errors tell it.
        most: Bytes.

    Attributes:
        text: What it says, without blanks around; None where the form does not have it.

    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._bytes: bytearray | None = None

    @property
    def text(self) -> str | None:
        """What has come of it."""
        return None if self._bytes is None else self._bytes.decode("utf-8", "replace").strip()

    def begin(self, file_name: str) -> None:
        """Begin it; what a file is called says nothing of a text."""
        del file_name
        self._bytes = bytearray()

    async def add(self, data: bytes) -> None:
        """Take some more of it.

        Raises:
            Refused: `invalid_request`: it is too long.

        """
        if self._bytes is not None:
            self._bytes += data
            if len(self._bytes) > self._most:
                raise Refused("invalid_request", f"« {self._name} » est trop long", param=self._name)


def boundary_of(content_type: bytes) -> str | None:
    """Return what parts the form of this Content-Type; None when it is none.

    Raises:
        Refused: `invalid_request`: the form has no boundary.

    """
    kind, options = parse_options_header(content_type.decode("latin-1"))
    if kind != FORM:
        return None
    boundary = options.get("boundary", "")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise Refused("invalid_request", "« boundary » est absent ou trop long", param="Content-Type", source="header")
    return boundary


async def read_form(body: AsyncIterator[bytes], boundary: str, parts: Mapping[str, Part]) -> None:
    """Read a form, each part by the taker of its name, in any order; only `file` must be there.

    Raises:
        Refused: `invalid_request` for a form that is cut, lacks its file, or has a part that nobody takes or that has
            come already; and as the takers do.

    """
    form = _Form(parts)
    try:
        # Names of files are UTF-8, mostly: what is not must not fail the whole.
        parser = PushMultipartParser(
            boundary.encode("latin-1"),
            max_header_size=MOST_HEADER_BYTES,
            max_header_count=MOST_HEADERS,
            max_segment_count=MOST_PARTS,
            header_charset="latin-1",
        )
        async for chunk in body:
            for event in parser.parse(chunk):
                await form.take(event)
        parser.close()
    except MultipartError as cause:
        raise Refused("invalid_request", NO_FORM, param="body") from cause
    form.check()


class _Form:
    """What has come of a form."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._seen: set[str] = set()
        self._part: Part | None = None

    async def take(self, event: "MultipartSegment | bytes | None") -> None:
        """Take the next thing of the form: the head of a part, bytes of it, its end."""
        if isinstance(event, MultipartSegment):
            self._part = self._begin(event)
        elif event is not None and self._part is not None:
            await self._part.add(event)

    def check(self) -> None:
        """Refuse a form without a file."""
        if FILE not in self._seen:
            raise Refused("invalid_request", "il manque la partie « file »", param=FILE)

    def _begin(self, segment: MultipartSegment) -> Part:
        name = _text(segment.name or "")
        part = self._parts.get(name)
        if part is None:
            raise unknown_field(name)
        if name in self._seen:
            raise Refused("invalid_request", f"une seule partie « {name} » par envoi", param=name)
        self._seen.add(name)
        part.begin(_file_name(segment).strip())
        return part


def unknown_field(name: str, source: str = "body") -> Refused:
    """Return the refusal of a field that the route does not have."""
    shown = name[:LONGEST_ECHO]
    return Refused("invalid_request", f"champ inconnu « {shown} »", param=shown, source=source)


def _file_name(segment: MultipartSegment) -> str:
    if segment.filename:
        return _text(segment.filename)
    # Older clients write names that are not ASCII this way.
    extended = EXTENDED.search(segment.header("Content-Disposition", ""))
    return unquote(extended[1]) if extended else ""


def _text(value: str) -> str:
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
