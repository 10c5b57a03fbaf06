"""Budgets looked at all the time while others spend: by HTTP on every replica, and in the database itself."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from decimal import Decimal

import asyncpg

from tests.accounts.asking import Ask, tell
from tests.replicas import ADMIN_KEY, Figures, Replicas

Held = dict[str, Decimal]
# One statement, so that both halves are of the same moment.
SPENT_AND_HELD = """
SELECT budget_id, spent FROM budget_windows
UNION ALL SELECT substr(counter, 1, instr(counter, '@') - 1), amount FROM holds WHERE counter LIKE 'bud%@%'
"""
OF_POSTGRES = SPENT_AND_HELD.replace("substr(counter, 1, instr(counter, '@') - 1)", "split_part(counter, '@', 1)")
PAUSE_S = 0.002


@dataclass
class Watch:
    """What was seen of some budgets.

    Attributes:
        limits: By budget.
        broken: Every moment at which more was spent and reserved than the limit allows.
        looks: How often the budgets were seen, by HTTP and in the database.
        most: The most that was ever spent and reserved, by budget.

    """

    limits: dict[str, Decimal]
    broken: list[tuple[str, str, Decimal]] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=lambda: {"http": 0, "database": 0})
    most: Held = field(default_factory=lambda: defaultdict(Decimal))

    def see(self, where: str, budget: str, taken: Decimal) -> None:
        self.most[budget] = max(self.most[budget], taken)
        if taken > self.limits[budget]:
            self.broken.append((where, budget, taken))

    def see_figures(self, budget: str, figures: Figures) -> None:
        self.looks["http"] += 1
        self.see("http", budget, figures.spent + figures.reserved)
        if figures.remaining != figures.limit - figures.spent - figures.reserved:
            self.broken.append(("remaining", budget, figures.remaining))
        if figures.reserved < 0:
            self.broken.append(("reserved", budget, figures.reserved))

    def see_database(self, rows: list[tuple[str, str]]) -> None:
        taken: Held = defaultdict(Decimal)
        for budget, amount in rows:
            taken[budget] += Decimal(amount)
        self.looks["database"] += 1
        for budget in self.limits.keys() & taken.keys():
            self.see("database", budget, taken[budget])


@asynccontextmanager
async def watched(replicas: Replicas, limits: dict[str, Decimal]) -> AsyncIterator[Watch]:
    """Look at these budgets until the block ends."""
    watch, over = Watch(limits), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_by_http(replicas, watch, over))
        group.create_task(_in_database(replicas, watch, over))
        try:
            yield watch
        finally:
            over.set()


async def _by_http(replicas: Replicas, watch: Watch, over: asyncio.Event) -> None:
    while not over.is_set():
        for budget in watch.limits:
            ask = Ask({}, ADMIN_KEY, f"/v1/organization/budgets/{budget}", "GET")
            told = await tell(replicas.next(), ask)
            if told.status == 200:
                watch.see_figures(budget, Figures.of(told.body))
        await asyncio.sleep(PAUSE_S)


async def _in_database(replicas: Replicas, watch: Watch, over: asyncio.Event) -> None:
    async with _rows_of(replicas) as rows:
        while not over.is_set():
            watch.see_database(await rows())
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def _rows_of(replicas: Replicas) -> AsyncIterator[Callable[[], Awaitable[list[tuple[str, str]]]]]:
    gateway = replicas.gateways[0]
    if replicas.shared_database:
        connection = await asyncpg.connect(gateway.env["ROUTER_DATABASE_URL"])
        try:
            yield lambda: connection.fetch(OF_POSTGRES)
        finally:
            await connection.close()
        return
    with closing(sqlite3.connect(gateway.folder / "data" / "router.db")) as database:

        async def rows() -> list[tuple[str, str]]:
            return database.execute(SPENT_AND_HELD).fetchall()

        yield rows
