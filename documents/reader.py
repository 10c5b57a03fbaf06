"""Reading of uploads as the ingestion needs it: who parses and cuts is told from outside."""

from pathlib import Path
from typing import Protocol

from documents.document import Format, Passage


class Reader(Protocol):
    """Turns the bytes of an upload into passages."""

    async def read(self, upload: Path, name: str, format: Format) -> tuple[Passage, ...]:  # noqa: A002 - the field's name
        """Return the passages of an upload in its order, numbered from 1.

        Raises:
            Unreadable: It cannot be read, now or later; the text is for the user.
            ParserDown: It could not be read now.

        """
        ...
