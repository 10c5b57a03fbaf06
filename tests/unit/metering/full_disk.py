"""Settles on a disk that is full for a while: files cannot grow, as the system's limit on file size has it."""

import asyncio
import resource
import signal
import sys
from pathlib import Path

from metering.ledger import Ledger
from storage.clerk import PlainClerk
from storage.errors import StorageDown
from storage.group_commit import GroupCommit
from storage.journal import Journal
from storage.owners import Owner
from tests.unit.metering.samples import admission, entry


def limit_files_to(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def tell(what: str, value: object) -> None:
    sys.stdout.write(f"{what} {value}\n")


def is_refused(ledger: Ledger, request_id: str) -> bool:
    try:
        ledger.admit(admission(request_id))
    except StorageDown:
        return True
    return False


async def fill_and_free(folder: Path) -> None:
    owner = Owner(folder / "owners")
    writer = GroupCommit(folder / "router.db", PlainClerk())
    ledger = Ledger(writer, Journal(folder / "journals" / owner.id))
    await asyncio.gather(*(ledger.append(entry(f"before-{n}")) for n in range(20)))

    limit_files_to((folder / "router.db-wal").stat().st_size)
    during = [ledger.append(entry(f"during-{n}")) for n in range(20)]
    done, _ = await asyncio.wait(during, timeout=0.3)
    tell("acknowledged while full:", len(done))
    tell("admission refused:", is_refused(ledger, "admission"))
    tell("healthy:", writer.healthy)

    limit_files_to(resource.RLIM_INFINITY)
    await asyncio.gather(*during)
    tell("healthy:", writer.healthy)
    tell("admission refused:", is_refused(ledger, "after"))
    await writer.close(5)
    owner.close()


signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(fill_and_free(Path(sys.argv[1])))
