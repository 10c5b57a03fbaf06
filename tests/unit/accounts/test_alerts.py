"""Which thresholds leave a mail, once, and what it says."""

import asyncio
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.alerts.alerts import Alerts, Spending, body_of, crossings, note, note_crossings, subject_of
from accounts.alerts.store import Alert
from accounts.budgets.budget import Budget
from accounts.errors import AlertUnknown
from storage.script import Database, Query, Script
from storage.sqlite import Sqlite
from tests.heads import file_at_head
from tests.unit.accounts.spendings import budget, spending

pytestmark = pytest.mark.anyio

NAUGHTY = "Rêves\r\nBcc: victim@example.org\r\n\r\n<b>\u2028\u202eevil\x00" + "x" * 500
amounts = st.decimals(0, 1000, places=6)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Sqlite(file_at_head(tmp_path / "router.db"))


async def spend(database: Database, before: str, after: Spending) -> None:
    await database.write(lambda: note_crossings(after, Decimal(before), database.clock_ns()))


async def listed(database: Database) -> list[Alert]:
    return await Alerts(database).listed(100)


@pytest.mark.parametrize(
    ("of", "before", "after", "met"),
    [
        (budget(), "7.999999", "8", (80,)),
        (budget(), "8", "9.99", ()),
        (budget(), "0", "10", (80, 100)),
        (budget(), "9", "10", (100,)),
        (budget(emails=()), "0", "10", ()),
        (budget(kind="soft"), "7", "9.999999", ()),
        (budget(kind="soft"), "9.999999", "10", (100,)),
        (budget(kind="soft"), "10", "1000", ()),
        (budget(kind="soft", emails=()), "9", "11", (100,)),
        (budget(kind="soft", amount=Decimal(0)), "0", "0", ()),
        (budget(kind="soft", amount=Decimal(0)), "0", "0.000001", (100,)),
    ],
)
async def test_a_threshold_is_crossed_when_spending_comes_to_it(
    of: Budget, before: str, after: str, met: tuple[int, ...]
) -> None:
    assert crossings(of, Decimal(before), Decimal(after)) == met


@given(st.lists(amounts, min_size=1, max_size=8), st.decimals("0.000001", 1000, places=6))
def test_however_spending_grows_each_threshold_is_crossed_once_if_it_is_met(
    steps: list[Decimal], limit: Decimal
) -> None:
    states = [Decimal(0)]
    for step in steps:
        states.append(states[-1] + step)

    crossed = [met for before, after in pairwise(states) for met in crossings(budget(amount=limit), before, after)]

    assert crossed == [met for met in (80, 100) if states[-1] * 100 >= limit * met]


async def test_crossings_of_many_transactions_at_once_leave_one_alert_a_threshold(database: Database) -> None:
    many = [spend(database, "0", spending(f"{10 + number}")) for number in range(12)]

    await asyncio.gather(*many)

    assert sorted(alert.threshold for alert in await listed(database)) == [80, 100]


async def test_another_window_leaves_another_alert(database: Database) -> None:
    await spend(database, "0", spending("8"))
    await spend(database, "0", spending("8", budget(every="month")))

    assert len(await listed(database)) == 2


async def test_an_alert_is_left_with_what_caused_it_or_not_at_all(database: Database) -> None:
    def undone() -> Script[None]:
        yield from note_crossings(spending("10"), Decimal(0), database.clock_ns())
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await database.write(undone)

    assert await listed(database) == []


async def test_a_hard_budget_tells_once_that_it_refuses(database: Database) -> None:
    def refuse() -> Script[None]:
        yield from note(spending("9.7"), 100, database.clock_ns())

    await asyncio.gather(*[database.write(refuse) for _ in range(5)])
    await spend(database, "9.7", spending("10"))

    assert [(alert.threshold, alert.state) for alert in await listed(database)] == [(100, "waiting")]


async def test_a_soft_budget_without_readers_shows_its_alert_all_the_same(database: Database) -> None:
    await spend(database, "0", spending("10", budget(kind="soft", emails=())))

    assert [alert.state for alert in await listed(database)] == ["unaddressed"]


async def test_alerts_are_listed_newest_first_page_by_page(database: Database) -> None:
    for number in range(5):
        await spend(database, "0", spending("8", budget(id=f"bud_{number}")))

    first = await Alerts(database).listed(3)
    rest = await Alerts(database).listed(3, after=first[-1].id)

    assert [alert.budget_id for alert in first + rest] == [f"bud_{number}" for number in (4, 3, 2, 1, 0)]
    with pytest.raises(AlertUnknown):
        await Alerts(database).listed(3, after="alert_nobody")


async def test_a_mail_names_its_project_as_people_do(database: Database) -> None:
    def named() -> Script[None]:
        yield Query("INSERT INTO projects (id, name, created_at) VALUES ('proj-a', 'Équipe « été »', '2026-01-01')")

    await database.write(named)
    await spend(database, "0", spending("8", budget(scope="project", scope_id="proj-a")))

    (alert,) = await listed(database)
    assert "Équipe « été »" in alert.subject
    assert "proj-a" in alert.body


async def test_a_mail_says_what_was_spent_of_what_until_when() -> None:
    text = body_of(spending("8.10", budget(emails=("a@b.example",))), 80, "")

    for fact in ("80 %", "8.1 EUR", "10 EUR par jour", "23/11/2026 00:00 (Europe/Paris)", "bud_0123456789abcdef"):
        assert fact in text


async def test_a_subject_begins_with_the_prefix_of_its_budget() -> None:
    assert subject_of(budget(subject_prefix="[Labo]"), 80, "").startswith("[Labo] ")
    assert subject_of(budget(), 80, "").startswith("[Routeur IA] ")


@pytest.mark.parametrize("scope", ["project", "key"])
async def test_no_name_breaks_out_of_its_line(scope: str) -> None:
    of = budget(scope=scope, scope_id="proj-a\r\nX-Evil: 1", subject_prefix=NAUGHTY)

    subject = subject_of(of, 80, NAUGHTY)
    lines = body_of(spending("8", of), 80, NAUGHTY).splitlines()

    assert subject.isprintable()
    assert len(subject) < 300
    assert not [line for line in lines if line.startswith(("Bcc", "X-Evil", "<b>"))]


async def test_what_is_no_address_is_not_written_to(database: Database) -> None:
    emails = ("boss@example.org", "a@b\r\nBcc: c@d", "a@b, c@d", "<a@b>", "nobody", "é@example.org", "a@" + "b" * 300)
    await spend(database, "0", spending("8", budget(emails=emails)))

    assert [alert.recipients for alert in await listed(database)] == [("boss@example.org",)]
