"""The mails of one host: what it queues, and its share of sending what is queued."""

import asyncio
import ipaddress
from typing import Protocol

import structlog

from streamhub.config import Secret, Settings
from streamhub.domain.mail import MailQueue
from streamhub.domain.sealing import Sealer
from streamhub.persistence.mail import PostgresMailQueue
from streamhub.persistence.postgres import Pool
from streamhub.transport.letters import Letters
from streamhub.transport.smtp import PostOffice, sender_of

log = structlog.get_logger(__name__)

SEALED_FOR = "mail"


class Clock(Protocol):
    """Time and randomness."""

    def now_ms(self) -> int: ...
    def random_bytes(self, count: int) -> bytes: ...


def mail_queue(pool: Pool, auth_secret: Secret, clock: Clock) -> PostgresMailQueue:
    """The queue, as everything that has the secret reads it."""
    return PostgresMailQueue(pool, Sealer(auth_secret, SEALED_FOR, clock.random_bytes))


def mailbox(settings: Settings, pool: Pool, auth_secret: Secret, clock: Clock) -> MailQueue | None:
    """The queue as the mailbox that developers look into on the admin port.

    None where a mail server is set, and where others than this machine reach that port.
    """
    if settings.mail.url is not None or not _is_loopback(settings.server.admin_host):
        return None
    return mail_queue(pool, auth_secret, clock)


class Mailing:
    """Writes mails, and sends them where there is a mail server; else they stay in the mailbox."""

    def __init__(self, settings: Settings, pool: Pool, auth_secret: Secret, clock: Clock) -> None:
        queue = mail_queue(pool, auth_secret, clock)
        sender = sender_of(settings.mail)
        self._office = PostOffice(queue, sender, clock.now_ms) if sender else None
        self.letters = Letters(
            queue,
            settings.server.public_url or "StreamHub",
            now_ms=clock.now_ms,
            random_bytes=clock.random_bytes,
            queued=self._office.wake if self._office else _nothing,
        )
        self._sending: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        if self._office is None:
            log.info("mails_are_kept", why="no mail server is set", see="streamhub mail")
        else:
            self._sending = asyncio.create_task(self._office.run())

    async def stop(self) -> None:
        """A mail that is being sent may be sent again by another host, a minute later."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _nothing() -> None:
    pass
