"""An alert is left once and sent once, on every database, however many meet its threshold or send at once."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from accounts.alerts.alerts import Alerts, note_crossings
from accounts.alerts.post import Post, Sender
from accounts.alerts.relay import relay_of, sender_of
from storage.script import Database
from tests.contract.databases import opened
from tests.unit.accounts.mailbox import Mailbox
from tests.unit.accounts.spendings import budget, spending

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as database:
        yield database


async def cross(database: Database, name: str) -> None:
    cause = spending("10", budget(id=name))
    await database.write(lambda: note_crossings(cause, Decimal(0), database.clock_ns()))


async def test_many_transactions_and_senders_at_once_leave_and_send_one_mail_a_threshold(database: Database) -> None:
    budgets = ["bud_1", "bud_2", "bud_3"]
    with Mailbox() as mailbox:
        post = Post(relay_of(f"smtp://127.0.0.1:{mailbox.port}"), sender_of("router@example.org"))
        senders = [asyncio.create_task(Sender(database, post, look_every_s=0.01).run()) for _ in range(3)]
        await asyncio.gather(*[cross(database, name) for name in budgets for _ in range(6)])
        async with asyncio.timeout(30):
            while any(alert.state != "sent" for alert in await Alerts(database).listed(100)):
                assert not [task for task in senders if task.done()]
        for task in senders:
            task.cancel()
        await asyncio.gather(*senders, return_exceptions=True)

    left = await Alerts(database).listed(100)
    assert sorted((alert.budget_id, alert.threshold) for alert in left) == [
        (name, met) for name in budgets for met in (80, 100)
    ]
    assert sorted(mail["message-id"] for mail in mailbox.mails) == sorted(
        f"<{alert.id}@alerts.routeur-ia>" for alert in left
    )


async def test_alerts_are_listed_page_by_page(database: Database) -> None:
    for name in ("bud_1", "bud_2"):
        await cross(database, name)

    first = await Alerts(database).listed(3)
    rest = await Alerts(database).listed(3, after=first[-1].id)

    assert len({alert.id for alert in first + rest}) == 4
    assert [alert.created_at for alert in first + rest] == sorted((a.created_at for a in first + rest), reverse=True)
