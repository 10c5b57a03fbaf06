"""A gateway's share of a storm: admits and settles for ever, and prints what was acknowledged."""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from metering.ledger import Ledger
from storage.clerk import PlainClerk
from storage.group_commit import GroupCommit
from storage.journal import Journal
from storage.owners import Owner
from tests.unit.metering.samples import admission, entry


def tell(word: str, request_id: str) -> None:
    os.write(1, f"{word} {request_id}\n".encode())


async def one_after_another(ledger: Ledger, name: str, lane: int) -> None:
    for n in count():
        request_id = f"{name}-{lane}-{n}"
        ledger.admit(admission(request_id))
        tell("admitted", request_id)
        # One lane never settles, so that requests are open whenever the process is killed.
        if lane:
            await ledger.append(entry(request_id, calls=n % 3))
            tell("settled", request_id)
        else:
            await asyncio.get_running_loop().create_future()


async def storm(folder: Path) -> None:
    owner = Owner(folder / "owners")
    ledger = Ledger(GroupCommit(folder / "router.db", PlainClerk()), Journal(folder / "journals" / owner.id))
    await asyncio.gather(*(one_after_another(ledger, owner.id, lane) for lane in range(17)))


asyncio.run(storm(Path(sys.argv[1])))
