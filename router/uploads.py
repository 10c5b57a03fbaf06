"""Files as they are sent, by multipart: read as they come, one file in each, its format known before it is kept."""

import re
from collections.abc import AsyncIterator
from typing import Protocol
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from documents.document import Format
from documents.parsing.formats import format_of
from router.decoding import LONGEST_ECHO, too_large
from router.errors import Refused

FORM = "multipart/form-data"
FILE, NAME = "file", "name"
HEAD_BYTES = 4_096  # of a file, which tell its format
MOST_PARTS = 8
MOST_HEADERS = 8  # of a part
MOST_HEADER_BYTES = 16_384  # names of files are long at times
MOST_NAME_BYTES = 16_384
LONGEST_BOUNDARY = 200
EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
NO_FORM = "le corps multipart est mal formé ou coupé"


class Upload(Protocol):
    """Where the bytes of a file go."""

    async def add(self, chunk: bytes) -> None:
        """Keep some more bytes."""
        ...


class Intake:
    """Takes one file in: no byte is kept before the first ones have told the format.

    Args:
        upload: Where the bytes go.
        most: Bytes of the file.

    """

    def __init__(self, upload: Upload, most: int) -> None:
        self._upload = upload
        self._most = most
        self._head = bytearray()
        self._size = 0
        self._format: Format | None = None
        self.own_name = ""
        self.given_name = ""

    @property
    def name(self) -> str:
        """What names the document: as the caller wants, else as the file is; whoever keeps it makes it fit to show."""
        return self.given_name or self.own_name or f"document.{self._format or 'txt'}"

    async def add(self, data: bytes) -> None:
        """Take some bytes of the file.

        Raises:
            Refused: `body_too_large`; `unsupported_media_type` when they are of no format that is read.

        """
        self._size += len(data)
        if self._size > self._most:
            raise too_large(self._most)
        if self._format is not None:
            await self._upload.add(data)
            return
        self._head += data
        if len(self._head) >= HEAD_BYTES:
            await self._begin()

    async def end(self) -> Format:
        """Return the format of the file that has come whole.

        Raises:
            Refused: It is empty, or as `add`.

        """
        if not self._size:
            raise Refused("invalid_request", "le fichier est vide", param=FILE)
        return self._format or await self._begin()

    async def _begin(self) -> Format:
        hint = self.given_name if "." in self.given_name else self.own_name or self.given_name
        found = self._format = format_of(bytes(self._head[:HEAD_BYTES]), hint)
        if found is None:
            reason = "le fichier n'est d'aucun des formats lus, qui sont txt, md, html, pdf et docx"
            raise Refused("unsupported_media_type", reason, param=FILE)
        await self._upload.add(bytes(self._head))
        self._head.clear()
        return found


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


async def read_form(body: AsyncIterator[bytes], boundary: str, intake: Intake) -> None:
    """Read a form with one part `file`, and maybe a part `name`.

    Raises:
        Refused: `invalid_request` for any other form or one that is cut, and as `Intake.add`.

    """
    form = _Form(intake)
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

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._seen: set[str] = set()
        self._part = ""
        self._name = bytearray()

    async def take(self, event: "MultipartSegment | bytes | None") -> None:
        """Take the next thing of the form: the head of a part, bytes of it, its end."""
        if event is None:
            if self._part == NAME:
                self._intake.given_name = self._name.decode("utf-8", "replace").strip()
        elif isinstance(event, MultipartSegment):
            self._begin(event)
        elif self._part == FILE:
            await self._intake.add(event)
        else:
            self._name += event
            if len(self._name) > MOST_NAME_BYTES:
                raise Refused("invalid_request", "« name » est trop long", param=NAME)

    def check(self) -> None:
        """Refuse a form without a file."""
        if FILE not in self._seen:
            raise Refused("invalid_request", "il manque la partie « file »", param=FILE)

    def _begin(self, segment: MultipartSegment) -> None:
        part = self._part = _text(segment.name or "")
        if part not in {FILE, NAME}:
            raise Refused("invalid_request", f"champ inconnu « {part[:LONGEST_ECHO]} »", param=part[:LONGEST_ECHO])
        if part in self._seen:
            raise Refused("invalid_request", f"une seule partie « {part} » par envoi", param=part)
        self._seen.add(part)
        if part == FILE:
            self._intake.own_name = _file_name(segment).strip()


def _file_name(segment: MultipartSegment) -> str:
    if segment.filename:
        return _text(segment.filename)
    # Older clients write names that are not ASCII this way.
    extended = EXTENDED.search(segment.header("Content-Disposition", ""))
    return unquote(extended[1]) if extended else ""


def _text(value: str) -> str:
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
