"""Recordings as callers send them: a form with one file, kept on the disk, and taken apart into samples."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from agents.audio.decoder import Decoder
from agents.audio.errors import AudioTooLong
from agents.audio.recording import Recording
from metering.middleware import Receive, Scope
from router.arriving import arriving
from router.decoding import ClientGone
from router.departure import Departure
from router.errors import Refused
from router.forms import FILE, MOST_FORM_BYTES, Field, boundary_of, read_form
from router.ground import Ground
from router.line import line_of
from router.places import Places
from router.settings import Settings
from router.spool import UPLOAD, Spool, Spooled

BYTES_PER_MB = 1_000_000
LEAST_S = Decimal("0.1")  # what OpenAI's models take
MOST_FIELD_BYTES = 256
SEND = "envoyez du multipart/form-data avec un fichier « file »"
FOLDER = "heard"  # in that of the data: recordings while they are heard


class Sent(Struct, frozen=True, kw_only=True):
    """A form that has come whole: its file on the disk, with the folder that it may be worked on in, and its fields.

    `fields` are those that came. `digest` is the SHA-256 of the file.
    """

    upload: Path
    room: Path
    digest: bytes
    fields: Mapping[str, str]

    def identity(self, *told: str) -> bytes:
        """Return what two forms have alike that want the same: their files' content, and what else was told."""
        return b"\0".join([self.digest, *(each.encode() for each in told)])


class Recordings:
    """Takes recordings in, so many at the same time.

    Args:
        spool: Where they lie.
        places: For those who send one.
        decoder: Takes them apart.

    """

    def __init__(self, spool: Spool, places: Places, decoder: Decoder) -> None:
        self._spool = spool
        self._places = places
        self._decoder = decoder

    @asynccontextmanager
    async def sent(
        self, scope: Scope, receive: Receive, project_id: str, most_mb: int, names: tuple[str, ...]
    ) -> AsyncGenerator[Sent]:
        """Read a form to its end; its file and all that is made in its folder is gone at the end of the context.

        Args:
            scope: Of the request.
            receive: Its ASGI channel.
            project_id: Whose place this takes.
            most_mb: Of the file.
            names: Of the fields that it may have beside its file.

        Raises:
            Refused: `unsupported_media_type`, `body_too_large`, `request_timeout`, `overloaded`, or
                `invalid_request` naming what is wrong.
            ClientGone: The client left.

        """
        headers = scope["headers"]
        content_type = next((value for name, value in headers if name == b"content-type"), b"")
        boundary = boundary_of(content_type)
        if boundary is None:
            raise Refused("unsupported_media_type", SEND, param="Content-Type", source="header")
        most = most_mb * BYTES_PER_MB
        with self._places.taken(project_id):
            # It is ready by the time that the file is here.
            self._decoder.start()
            async with self._spool.room() as room:
                file = Spooled(room / UPLOAD, most)
                fields = {name: Field(name, MOST_FIELD_BYTES) for name in names}
                body = arriving(receive, headers, most + MOST_FORM_BYTES)
                await read_form(body, boundary, {FILE: file, **fields})
                await file.end()
                told = {name: field.text for name, field in fields.items() if field.text is not None}
                yield Sent(upload=file.path, room=room, digest=file.digest, fields=told)

    async def decoded(self, sent: Sent, most_s: int, scope: Scope) -> Recording:
        """Return what a file holds; its samples lie in its folder.

        Args:
            sent: The form.
            most_s: How long it may last.
            scope: Of the request.

        Raises:
            Refused: `audio_too_long`, or `invalid_request` for less than a tenth of a second, which no model hears.
            AudioUnreadable: It is no audio.
            DecoderDown: Nobody can tell now.
            ClientGone: The client left.

        """
        recording: Recording | None = None
        try:
            async with Departure(line_of(scope)):
                recording = await self._decoder.decode(sent.upload, most_s, sent.room)
        except AudioTooLong as cause:
            raise Refused("audio_too_long", f"au plus {most_s} secondes", param=FILE) from cause
        finally:
            # It is as large as what was made of it, and of no more use.
            await asyncio.to_thread(sent.upload.unlink, missing_ok=True)
        if recording is None:
            raise ClientGone
        if recording.seconds < LEAST_S:
            raise Refused("invalid_request", "l'enregistrement dure moins d'un dixième de seconde", param=FILE)
        return recording


def recordings_of(settings: Settings, ground: Ground, stack: AsyncExitStack) -> Recordings:
    """Return what takes recordings in; what decodes them is started with the first.

    Args:
        settings: Where the data is.
        ground: The name of this process.
        stack: Ends what was started, and removes what is left.

    """
    spool = Spool(settings.data_dir / FOLDER, ground.owner)
    spool.open()
    stack.callback(spool.close)
    decoder = Decoder()
    stack.push_async_callback(decoder.aclose)
    return Recordings(spool, Places(), decoder)
