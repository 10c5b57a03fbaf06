"""A mail server in this process that takes, refuses or hangs up, and a clock that can be put forward."""

import ssl
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from threading import Event
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from storage.script import Database, Script, T
from tests.gateway import free_port

TAKEN = "250 OK"
USER, PASSWORD = "router", "p@ss:w/rd%"


class Mailbox:
    """An SMTP server on loopback; what it took is in `mails`, in order.

    Args:
        answers: What it says to the first mails that it is handed; after them it takes all.
        refuses: Recipients that it refuses, with the answer to each.
        trust: Serves TLS with this certificate, by STARTTLS unless `wrapped`.
        wrapped: Speaks TLS from the first byte.
        login: Asks for the user and password above.

    """

    def __init__(
        self,
        *answers: str,
        refuses: dict[str, str] | None = None,
        trust: ssl.SSLContext | None = None,
        wrapped: bool = False,
        login: bool = False,
    ) -> None:
        self.answers = list(answers)
        self.refuses = refuses or {}
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.encrypted: list[bool] = []
        self.tries = 0
        self.took = Event()
        self._wrapped = wrapped
        options: dict[str, Any] = {"authenticator": _authenticate, "auth_required": True} if login else {}
        if trust is not None and not wrapped:
            options |= {"tls_context": trust, "require_starttls": True}
        elif login:
            options |= {"auth_require_tls": False}
        self.port = free_port()
        self._server = Controller(
            self, hostname="127.0.0.1", port=self.port, ssl_context=trust if wrapped else None, **options
        )

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    async def handle_RCPT(  # noqa: N802 - the server's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        self.tries += 1
        answer = self.answers.pop(0) if self.answers else TAKEN
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail: Any = message_from_bytes(envelope.content, policy=SMTP_POLICY)
            self.mails.append(mail)
            self.recipients.append(envelope.rcpt_tos)
            self.encrypted.append(self._wrapped or session.ssl is not None)
            self.took.set()
        return answer


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
) -> AuthResult:
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


class Later:
    """A database whose clock was put forward."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ahead_s = 0.0

    def clock_ns(self) -> int:
        return self._database.clock_ns() + int(self.ahead_s * 1e9)

    async def write(self, script: Callable[[], Script[T]]) -> T:
        return await self._database.write(script)

    async def read(self, script: Callable[[], Script[T]]) -> T:
        return await self._database.read(script)

    async def aclose(self) -> None:
        await self._database.aclose()
