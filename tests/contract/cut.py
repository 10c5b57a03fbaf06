"""A wire to PostgreSQL that is cut in the middle of a commit, at a chosen side of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_COMMIT = b"INSERT INTO commits"


class Wire:
    """Passes bytes on, both ways; the next commit is cut as `cut` says.

    `unsent`: the server never sees it. `unanswered`: the server commits, and its answer is lost. `late`: the client
    loses its connection, and the server reads the commit only once `deliver` is set. `unheard`: nothing passes any
    more until then, and the client is not told. While `shut`, nobody can connect.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self.cut = ""
        self.cuts = 0
        self.shut = False
        self.deliver = asyncio.Event()
        self.delivered = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.close()
            return
        answers, questions = await asyncio.open_connection(*self._server)
        back = asyncio.create_task(_copy(answers, writer))
        self._tasks.add(back)
        with suppress(OSError):
            while sent := await reader.read(65536):
                if self.cut and _COMMIT in sent and b"COMMIT" in sent:
                    await self._cut(sent, questions, answers, back, writer)
                    break
                questions.write(sent)
                await questions.drain()
        for end in (questions, writer):
            end.close()

    async def _cut(self, sent, questions, answers, back, writer) -> None:
        how, self.cut = self.cut, ""
        self.cuts += 1
        back.cancel()
        await asyncio.wait([back])
        if how == "unheard":
            await self.deliver.wait()
        if how == "unanswered":
            questions.write(sent)
            await answers.read(1)
        writer.close()
        if how == "late":
            await self.deliver.wait()
            questions.write(sent)
            await answers.read(1)
            self.delivered.set()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while got := await reader.read(65536):
            writer.write(got)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """Yield a wire to the server of `url` and the URL that goes through it."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    wire = Wire(parts.hostname, parts.port)
    server = await asyncio.start_server(wire.pass_on, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield wire, url.replace(f":{parts.port}/", f":{port}/")
    finally:
        server.close()
