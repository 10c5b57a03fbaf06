"""The sender of alerts: any number of them may run, and each mail is tried until a server has taken it."""

import asyncio
import logging
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import NoReturn
from uuid import uuid4

import aiosmtplib
from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from accounts.alerts import store as alerts_store
from accounts.alerts.relay import Relay, relay_of, sender_of
from accounts.alerts.store import Alert
from accounts.errors import MailRefused
from storage.errors import StorageDown
from storage.script import Database

logger = logging.getLogger("router.alerts")

LOOK_EVERY_S = 2.0
STEP_WITHIN_S = 20.0  # one command and its answer
SEND_WITHIN_S = 60.0
CLAIM_S = 120.0  # longer than sending may take; then another sender tries
BACKOFF_S = (30.0, 120.0, 600.0, 3600.0, 6 * 3600.0)  # after the first failure, the second, ...; then the last again
FORGET_EVERY_S = 6 * 3600.0
_NS = 1_000_000_000
# The narrower kind first; the library wraps some of them in its own.
_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "the server's certificate is not trusted"),
    (ssl.SSLError, "the server does not speak TLS as it should"),
    (TimeoutError, "the server takes too long"),
    (aiosmtplib.SMTPNotSupported, "the server offers no such TLS or log-in"),
    (OSError, "the server cannot be reached, or hung up"),
    (Exception, "the server or the mail is not as it should be"),
)


class Post:
    """Hands mails to one relay.

    Args:
        relay: The mail server.
        sender: Whom mails are from.
        trust: The certificates to trust; those of the system unless given.

    """

    def __init__(self, relay: Relay, sender: Address, trust: ssl.SSLContext | None = None) -> None:
        self._relay = relay
        self._sender = sender
        self._trust = trust

    async def send(self, message: EmailMessage, recipients: tuple[str, ...]) -> dict[str, str]:
        """Hand over a mail.

        Returns:
            Recipients whom the server refused, each with its reason; the others are served.

        Raises:
            MailRefused: Nobody was served.

        """
        relay = self._relay
        message["From"] = self._sender
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                refused, _ = await aiosmtplib.send(
                    message.as_bytes(),
                    sender=self._sender.addr_spec,
                    recipients=list(recipients),
                    hostname=relay.host,
                    port=relay.port,
                    username=relay.user,
                    password=relay.password,
                    use_tls=relay.security == "tls",
                    start_tls=relay.security == "starttls",
                    # Its own choice asks the name server and blocks.
                    local_hostname=self._sender.domain,
                    timeout=STEP_WITHIN_S,
                    tls_context=self._trust if relay.security != "none" else None,
                )
        except (SMTPException, OSError, TimeoutError, ValueError) as cause:
            _refuse(cause)
        return {address: f"the server answered {response.code}" for address, response in refused.items()}


def post_to(url: str, mail_from: str) -> Post:
    """Return what hands mails to the relay of a URL, from an address, both as they are set.

    Raises:
        RelayWrong: One of them is not as it must be.

    """
    return Post(relay_of(url), sender_of(mail_from))


def _refuse(cause: Exception) -> NoReturn:
    raise MailRefused(failure_of(cause)) from cause


def failure_of(error: BaseException) -> str:
    """Return what went wrong in a few words: no address, no password, nothing the server said."""
    if isinstance(error, SMTPRecipientsRefused):
        return f"the server answered {error.recipients[0].code}"
    if isinstance(error, SMTPResponseException):
        return f"the server answered {error.code}"
    return next(text for kind, text in _FAILURES if isinstance(error, kind) or isinstance(error.__cause__, kind))


def message_of(alert: Alert) -> EmailMessage:
    """Return an alert as a mail; its Message-ID and Date are the same at every try."""
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{alert.id}@alerts.routeur-ia>"
    message["Date"] = format_datetime(alert.created_at)
    message["Subject"] = alert.subject
    message["To"] = ", ".join(alert.recipients)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(alert.body, cte="quoted-printable")
    return message


def test_message(to: str) -> EmailMessage:
    """Return a mail that says that mails arrive."""
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<test_{uuid4().hex}@alerts.routeur-ia>"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Subject"] = "[Routeur IA] Message d'essai"
    message["To"] = to
    message.set_content("Les alertes de budget arrivent à cette adresse.\n", cte="quoted-printable")
    return message


class Sender:
    """Sends what is due, until cancelled; a task of the lifespan."""

    def __init__(self, database: Database, post: Post, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._database = database
        self._post = post
        self._look_every_s = look_every_s
        self._told: set[str] = set()
        self._forget_ns = 0

    async def run(self) -> None:
        """Send, look again, and delete what is old, until cancelled; an outage of the database only delays it."""
        while True:
            with suppress(StorageDown):
                await self._forget_old()
                while await self.send_one():
                    pass
            await asyncio.sleep(self._look_every_s)

    async def send_one(self) -> bool:
        """Try the mail that has been due for longest; return False when there is none.

        Raises:
            StorageDown: The database cannot be read or written now; the mail is tried again when its claim ends.

        """
        now_ns = self._database.clock_ns()
        if not await self._database.read(lambda: alerts_store.any_due(now_ns)):
            return False
        until_ns = now_ns + int(CLAIM_S * _NS)
        alert = await self._database.write(lambda: alerts_store.claim(now_ns, until_ns))
        if alert is None:
            return False
        await self._try(alert)
        return True

    async def _try(self, alert: Alert) -> None:
        try:
            refused = await self._post.send(message_of(alert), alert.unserved)
        except MailRefused as failure:
            refused = dict.fromkeys(alert.unserved, failure.detail)
        now_ns = self._database.clock_ns()
        if not refused:
            self._told.clear()
            await self._database.write(lambda: alerts_store.sent(alert.id, now_ns))
            return
        failure = next(iter(refused.values()))
        if failure not in self._told:
            self._told.add(failure)
            logger.warning("alert %s is not sent yet, and will be tried again: %s", alert.id, failure)
        pause_s = BACKOFF_S[min(alert.tries, len(BACKOFF_S)) - 1]
        due_ns = now_ns + int(pause_s * _NS)
        unserved = tuple(refused)
        await self._database.write(lambda: alerts_store.failed(alert.id, unserved, due_ns, failure))

    async def _forget_old(self) -> None:
        now_ns = self._database.clock_ns()
        if now_ns >= self._forget_ns:
            await self._database.write(lambda: alerts_store.forget_old(now_ns))
            self._forget_ns = now_ns + int(FORGET_EVERY_S * _NS)
