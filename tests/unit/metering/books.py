"""The book of a folder, opened, kept and looked into by the tests of the ledger."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

from accounts.gate.burying import bury_by_files
from accounts.gate.clerk import Clerk
from metering.ledger import Entry, Ledger
from metering.ledger_reader import LedgerLine, LedgerReader
from storage.group_commit import GroupCommit
from storage.journal import Journal
from storage.owners import Owner
from storage.sqlite import Sqlite


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Ledger]:
    owner = Owner(folder / "owners")
    journal = Journal(folder / "journals" / owner.id)
    writer = GroupCommit(folder / "router.db", Clerk(owner.id, lists_open=False))
    try:
        yield Ledger(writer, journal)
    finally:
        await writer.close(5)
        journal.end()
        owner.close()


def close_the_dead(folder: Path) -> int:
    database = Sqlite(folder / "router.db")
    return asyncio.run(bury_by_files(database, folder / "owners", folder / "journals"))


def journals(folder: Path) -> list[Path]:
    return list((folder / "journals").iterdir())


async def kept(folder: Path, *entries: Entry) -> None:
    async with opened(folder) as ledger:
        await asyncio.gather(*(ledger.append(one) for one in entries))


def lines(folder: Path, since: datetime | None = None) -> list[LedgerLine]:
    async def collected() -> list[LedgerLine]:
        return [line async for line in LedgerReader(Sqlite(folder / "router.db")).read(since)]

    with ThreadPoolExecutor(1) as elsewhere:  # the tests have a loop of their own
        return elsewhere.submit(asyncio.run, collected()).result()


def query(folder: Path, sql: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(folder / "router.db")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql).fetchall()


def book(folder: Path) -> list[sqlite3.Row]:
    return query(folder, "SELECT * FROM ledger") + query(folder, "SELECT * FROM ledger_calls")
