"""Sends mails by SMTP (RFC 5321), and keeps the queue moving."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from streamhub.config import MailSettings, Secret
from streamhub.domain.errors import StreamHubError
from streamhub.domain.mail import GIVE_UP_MS, KEEP_MS, Mail, MailQueue, Queued, next_try_at

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 30.0
LOOK_EVERY_S: Final = 5.0
_AT_ONCE: Final = 10
_PORTS: Final = {"smtp": 587, "smtps": 465}


class MailRefused(Exception):
    """The mail server will never take this mail; the text says why, without the address."""


class MailDeferred(Exception):
    """The mail server is away, or does not take this mail now."""


class Sender(Protocol):
    """Hands a mail to whoever delivers it."""

    async def send(self, mail: Mail) -> None:
        """Returns once it was taken. Raises MailRefused, MailDeferred."""
        ...


class SmtpSender:
    """Implements Sender: a connection for each mail, encrypted unless the URL says `tls=none`."""

    def __init__(self, url: Secret, sender: str) -> None:
        parts = urlsplit(url.reveal())
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = parts.scheme == "smtps"
        self._upgrade = not self._tls and not parts.query
        self._from = sender

    async def send(self, mail: Mail) -> None:
        try:
            await aiosmtplib.send(
                self._message(mail),
                sender=parseaddr(self._from)[1],
                recipients=[mail.to],
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                start_tls=self._upgrade,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _answer(error.recipients[0].code) from error
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
            raise _answer(error.code) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailDeferred(type(error).__name__) from error

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._from
        message["To"] = mail.to
        message["Subject"] = mail.subject
        queued = datetime.fromtimestamp(mail.queued_at / 1000, UTC)
        message["Date"] = format_datetime(queued)
        message["Message-ID"] = f"<{mail.id}@{parseaddr(self._from)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine shall answer
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message


class PostOffice:
    """Sends what is queued: at once what this host queued, and within seconds what others did."""

    def __init__(self, queue: MailQueue, sender: Sender, now_ms: Callable[[], int]) -> None:
        self._queue = queue
        self._sender = sender
        self._now_ms = now_ms
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There is something in the queue."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled. PostgreSQL and the mail server may be away for any time meanwhile."""
        while True:
            self._news.clear()
            try:
                while await self.send_due():
                    pass
            except StreamHubError as error:
                log.warning("mails_wait_for_the_database", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._news.wait()

    async def send_due(self) -> bool:
        """One round; whether there was anything to send. Raises TryAgain("unavailable")."""
        now_ms = self._now_ms()
        due = await self._queue.claim(now_ms, _AT_ONCE)
        if not due:
            await self._queue.forget_before(now_ms - KEEP_MS)
        await asyncio.gather(*map(self._send, due))
        return bool(due)

    async def _send(self, queued: Queued) -> None:
        mail = queued.mail
        now_ms = self._now_ms()
        if now_ms - mail.queued_at > GIVE_UP_MS:
            await self._queue.put_off(mail.id, "it is too old", None)
            return
        try:
            await self._sender.send(mail)
        except MailRefused as error:
            log.warning("mail_refused", mail_id=mail.id, kind=mail.kind, answer=str(error))
            await self._queue.put_off(mail.id, str(error), None)
        except MailDeferred as error:
            log.warning("mail_deferred", mail_id=mail.id, kind=mail.kind, answer=str(error))
            await self._queue.put_off(mail.id, str(error), next_try_at(queued, now_ms))
        else:
            log.info("mail_sent", mail_id=mail.id, kind=mail.kind)
            await self._queue.sent(mail.id)


def sender_of(settings: MailSettings) -> Sender | None:
    """The sender that the settings name; None: mails are only kept."""
    return None if settings.url is None else SmtpSender(settings.url, settings.sender)


def _answer(code: int) -> MailRefused | MailDeferred:
    """By the first digit: RFC 5321, section 4.2.1."""
    said = f"the mail server answered {code}"
    return MailRefused(said) if 500 <= code < 600 else MailDeferred(said)
