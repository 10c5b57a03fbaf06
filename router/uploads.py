"""Documents as they are sent: one file each, its format known by its first bytes before any is kept."""

from typing import Protocol

from documents.document import Format
from documents.parsing.formats import format_of
from router.decoding import too_large
from router.errors import Refused
from router.forms import FILE

HEAD_BYTES = 4_096  # of a file, which tell its format
MOST_NAME_BYTES = 16_384


class Upload(Protocol):
    """Where the bytes of a file go."""

    async def add(self, chunk: bytes) -> None:
        """Keep some more bytes."""
        ...


class Name(Protocol):
    """What a caller wants a document to be called."""

    @property
    def text(self) -> str | None:
        """As far as it has come; None where nothing has."""
        ...


class Intake:
    """Takes one file in: no byte is kept before the first ones have told the format.

    Args:
        upload: Where the bytes go.
        most: Bytes of the file.
        given: What the caller wants it to be called, whether that comes before or after it.

    Attributes:
        own_name: What the file itself is called.

    """

    def __init__(self, upload: Upload, most: int, given: Name) -> None:
        self._upload = upload
        self._most = most
        self._given = given
        self._head = bytearray()
        self._size = 0
        self._format: Format | None = None
        self.own_name = ""

    @property
    def name(self) -> str:
        """What names the document: as the caller wants, else as the file is; whoever keeps it makes it fit to show."""
        return self._given.text or self.own_name or f"document.{self._format or 'txt'}"

    def begin(self, file_name: str) -> None:
        """Begin the file."""
        self.own_name = file_name

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
        given = self._given.text or ""
        hint = given if "." in given else self.own_name or given
        found = self._format = format_of(bytes(self._head[:HEAD_BYTES]), hint)
        if found is None:
            reason = "le fichier n'est d'aucun des formats lus, qui sont txt, md, html, pdf et docx"
            raise Refused("unsupported_media_type", reason, param=FILE)
        await self._upload.add(bytes(self._head))
        self._head.clear()
        return found
