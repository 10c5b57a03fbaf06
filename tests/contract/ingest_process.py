"""A process that works on documents and stops for ever at a chosen place, to be killed there."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from tests.contract.databases import opened
from tests.contract.documents_parts import Embeddings, Lines, ingesting


class Told:
    """Tells on standard output what happens, and waits for ever at the nth time that it happens at `place`."""

    def __init__(self, place, times):
        self._place = place
        self._left = times

    async def tell(self, place, what):
        sys.stdout.write(f"{place} {what}\n")
        sys.stdout.flush()
        if place == self._place:
            self._left -= 1
            if not self._left:
                await asyncio.Event().wait()


class ToldLines(Lines):
    def __init__(self, told):
        super().__init__()
        self._told = told

    async def read(self, upload, *rest):
        passages = await super().read(upload, *rest)
        await self._told.tell("reading", "-")
        return passages


class ToldEmbeddings(Embeddings):
    def __init__(self, told):
        super().__init__(before=self.tell)
        self._told = told

    async def tell(self, _):
        await self._told.tell("embedding", "-")

    @asynccontextmanager
    async def open(self, document):
        await self._told.tell("opened", document.id)
        yield self
        await self._told.tell("settled", document.id)


async def main(url, folder, place, times):
    told = Told(place, int(times))
    async with opened(url) as database:
        embeddings = ToldEmbeddings(told)
        async with ingesting(database, Path(folder), embeddings, reader=ToldLines(told), owner=uuid4().hex):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
