"""A mail that was left reaches a mail server, whatever that says at first, and whoever dies meanwhile."""

import asyncio
import logging
import ssl
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from accounts.alerts import store as alerts_store
from accounts.alerts.alerts import Alerts, note_crossings
from accounts.alerts.post import BACKOFF_S, CLAIM_S, Post, Sender, message_of
from accounts.alerts.relay import relay_of, sender_of
from accounts.alerts.store import Alert
from accounts.budgets.budget import Budget
from accounts.errors import MailRefused
from storage.script import Query, Script
from storage.sqlite import Sqlite
from tests.certificate import self_signed
from tests.gateway import free_port
from tests.heads import file_at_head
from tests.unit.accounts.mailbox import PASSWORD, USER, Later, Mailbox
from tests.unit.accounts.spendings import budget, spending

pytestmark = pytest.mark.anyio

NOBODY_LISTENS = "smtp://127.0.0.1:1"
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(tmp_path: Path) -> Later:
    file_at_head(tmp_path / "router.db")
    return Later(Sqlite(tmp_path / "router.db"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("certificate"))


def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


def post(url: str, trust: ssl.SSLContext | None = None) -> Post:
    return Post(relay_of(url), sender_of("Routeur IA <router@example.org>"), trust)


def sender(database: Later, mailbox: Mailbox) -> Sender:
    return Sender(database, post(f"smtp://127.0.0.1:{mailbox.port}"), look_every_s=0.01)


async def left(database: Later, of: Budget | None = None) -> None:
    cause = spending("8", of)
    await database.write(lambda: note_crossings(cause, Decimal(0), database.clock_ns()))


async def the_alert(database: Later) -> Alert:
    (alert,) = await Alerts(database).listed(10)
    return alert


async def test_a_mail_that_was_left_arrives_as_it_was_written(database: Later) -> None:
    await left(database, budget(subject_prefix="[Été]", emails=("a@example.org", "b@example.org")))

    with Mailbox() as mailbox:
        assert await sender(database, mailbox).send_one()

    alert = await the_alert(database)
    (mail,) = mailbox.mails
    assert mail["subject"] == alert.subject
    assert mail["subject"].startswith("[Été] Budget de l'organisation")
    assert mail["from"] == "Routeur IA <router@example.org>"
    assert mail["to"] == "a@example.org, b@example.org"
    assert mail["message-id"] == f"<{alert.id}@alerts.routeur-ia>"
    assert mail.get_content().replace("\r\n", "\n") == alert.body
    assert mailbox.recipients == [["a@example.org", "b@example.org"]]
    assert (alert.state, alert.tries, alert.failure) == ("sent", 1, None)


async def test_a_mail_that_is_put_off_comes_later_under_the_same_name(database: Later) -> None:
    await left(database)
    later = "451 try later"

    with Mailbox(later, later) as mailbox:
        one = sender(database, mailbox)
        assert await one.send_one()
        named = message_of(await the_alert(database))["message-id"]
        assert not await one.send_one(), "it waits"
        database.ahead_s += BACKOFF_S[0]
        assert await one.send_one()
        database.ahead_s += BACKOFF_S[0]
        assert not await one.send_one(), "it waits longer"
        assert (await the_alert(database)).failure == "the server answered 451"
        database.ahead_s += BACKOFF_S[1]
        assert await one.send_one()

    assert [mail["message-id"] for mail in mailbox.mails] == [named]
    assert (await the_alert(database)).tries == 3


async def test_it_is_never_given_up(database: Later) -> None:
    await left(database)
    absent = Sender(database, post(NOBODY_LISTENS))

    for _ in range(12):
        assert await absent.send_one()
        assert (await the_alert(database)).state == "waiting"
        database.ahead_s += BACKOFF_S[-1]
    with Mailbox() as mailbox:
        assert await sender(database, mailbox).send_one()

    assert len(mailbox.mails) == 1


async def test_two_senders_at_once_send_each_mail_once(database: Later) -> None:
    for number in range(8):
        await left(database, budget(id=f"bud_{number}"))

    with Mailbox() as mailbox:
        pair = [asyncio.create_task(sender(database, mailbox).run()) for _ in range(2)]
        while any(alert.state != "sent" for alert in await Alerts(database).listed(10)):
            await asyncio.to_thread(mailbox.took.wait, 0.1)
            assert not [task for task in pair if task.done()]
        for task in pair:
            task.cancel()
        await asyncio.gather(*pair, return_exceptions=True)

    assert len({mail["message-id"] for mail in mailbox.mails}) == len(mailbox.mails) == 8


async def test_the_mail_of_a_sender_that_died_is_sent_by_another_once_its_claim_ends(database: Later) -> None:
    await left(database)
    now_ns = database.clock_ns()
    claimed = await database.write(lambda: alerts_store.claim(now_ns, now_ns + int(CLAIM_S * 1e9)))
    assert claimed

    with Mailbox() as mailbox:
        other = sender(database, mailbox)
        assert not await other.send_one()
        database.ahead_s += CLAIM_S + 1
        assert await other.send_one()

    assert [mail["message-id"] for mail in mailbox.mails] == [message_of(claimed)["message-id"]]


async def test_who_was_served_is_not_served_again_when_another_was_refused(database: Later) -> None:
    await left(database, budget(emails=("here@example.org", "full@example.org")))

    with Mailbox(refuses={"full@example.org": "452 full"}) as mailbox:
        one = sender(database, mailbox)
        assert await one.send_one()
        assert (await the_alert(database)).unserved == ("full@example.org",)
        mailbox.refuses.clear()
        database.ahead_s += BACKOFF_S[0]
        assert await one.send_one()

    assert mailbox.recipients == [["here@example.org"], ["full@example.org"]]
    assert (await the_alert(database)).state == "sent"


async def test_a_failure_is_logged_once_and_names_nobody(database: Later, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(3):
        await left(database, budget(id=f"bud_{number}", emails=("secret-reader@example.org",)))

    with (
        caplog.at_level(logging.WARNING),
        Mailbox(refuses={"secret-reader@example.org": "550 no secret-reader"}) as box,
    ):
        one = sender(database, box)
        assert [await one.send_one() for _ in range(4)] == [True, True, True, False]

    assert len(caplog.messages) == 1
    assert "550" in caplog.text
    assert "secret-reader" not in caplog.text


async def test_without_anybody_to_send_to_nothing_is_tried(database: Later) -> None:
    await left(database, budget(kind="soft", amount=Decimal(8), emails=()))

    assert not await Sender(database, post(NOBODY_LISTENS)).send_one()


async def test_what_was_sent_is_forgotten_after_400_days_and_what_was_not_is_kept(database: Later) -> None:
    for number in range(2):
        await left(database, budget(id=f"bud_{number}"))
    with Mailbox() as mailbox:
        assert await sender(database, mailbox).send_one()

    database.ahead_s += 401 * 24 * 3600
    now_ns = database.clock_ns()
    await database.write(lambda: alerts_store.forget_old(now_ns))

    assert (await the_alert(database)).state == "waiting"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # on loopback, to read it here
async def test_a_user_logs_in(database: Later) -> None:
    await left(database)

    with Mailbox(login=True) as mailbox:
        assert await Sender(database, post(f"smtp://{LOGIN}127.0.0.1:{mailbox.port}")).send_one()

    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(("scheme", "wrapped"), [("smtp+starttls", False), ("smtps", True)])
async def test_a_mail_goes_over_tls(
    database: Later, certificate: tuple[Path, Path], scheme: str, *, wrapped: bool
) -> None:
    await left(database)
    trust = ssl.create_default_context(cafile=certificate[0])

    with Mailbox(trust=server_side(certificate), wrapped=wrapped, login=not wrapped) as mailbox:
        url = f"{scheme}://{LOGIN}127.0.0.1:{mailbox.port}" if not wrapped else f"{scheme}://127.0.0.1:{mailbox.port}"
        assert await Sender(database, post(url, trust)).send_one()

    assert mailbox.encrypted == [True]


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
async def test_a_password_is_not_given_to_a_stranger(certificate: tuple[Path, Path], scheme: str) -> None:
    mailbox = Mailbox(trust=server_side(certificate), wrapped=scheme == "smtps")

    with mailbox, pytest.raises(MailRefused) as refused:
        await post(f"{scheme}://{LOGIN}127.0.0.1:{mailbox.port}").send(message_of(ALERT), ("a@example.org",))

    assert refused.value.detail == "the server's certificate is not trusted"
    assert PASSWORD not in str(refused.value)


async def test_starttls_is_not_done_without() -> None:
    with Mailbox() as mailbox, pytest.raises(MailRefused):
        await post(f"smtp+starttls://127.0.0.1:{mailbox.port}").send(message_of(ALERT), ("a@example.org",))

    assert mailbox.tries == 0


async def test_a_server_that_hangs_up_has_not_taken_the_mail(database: Later) -> None:
    await left(database)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.close()

    port = free_port()
    async with await asyncio.start_server(hang_up, "127.0.0.1", port):
        assert await Sender(database, post(f"smtp://127.0.0.1:{port}")).send_one()

    assert (await the_alert(database)).state == "waiting"


async def test_headers_are_those_of_the_mail_whatever_the_names_hold(database: Later) -> None:
    naughty = "R\r\nBcc: victim@example.org\r\n\r\nhello \u2028\u202e"

    def named() -> Script[None]:
        yield Query("INSERT INTO projects (id, name, created_at) VALUES ('proj-a', ?, '2026-01-01')", (naughty,))

    await database.write(named)
    await left(database, budget(scope="project", scope_id="proj-a", subject_prefix=naughty))
    with Mailbox() as mailbox:
        assert await sender(database, mailbox).send_one()

    (mail,) = mailbox.mails
    names = {name.lower() for name in mail}
    assert names <= {
        "message-id",
        "date",
        "subject",
        "to",
        "auto-submitted",
        "content-type",
        "mime-version",
        "from",
        "content-transfer-encoding",
        "x-peer",
        "x-mailfrom",
        "x-rcptto",
    }
    assert mailbox.recipients == [["boss@example.org"]]


FIELDS: dict[str, Any] = {
    "id": "alert_0",
    "budget_id": "bud_0",
    "window_id": "bud_0@x",
    "threshold": 80,
    "recipients": ("a@example.org",),
    "unserved": ("a@example.org",),
    "subject": "Budget à 80 %",
    "body": "…",
    "created_at": spending("8").window.opens_at,
    "sent_at": None,
    "tries": 1,
    "due_ns": 0,
    "failure": None,
}
ALERT = Alert(**FIELDS)
