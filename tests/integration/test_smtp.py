"""Mails and a real SMTP server."""

import asyncio
import email.policy
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from support.polling import until

from streamhub.config import MailSettings, Secret
from streamhub.domain.mail import Mail
from streamhub.persistence.memory.mail import InMemoryMailQueue
from streamhub.transport.smtp import (
    MailDeferred,
    MailRefused,
    PostOffice,
    SmtpSender,
    sender_of,
)

NOW = 1_764_000_000_000


@dataclass
class Inbox:
    """What an SMTP server took, and what it answers."""

    port: int = 0
    mails: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    answer: str = "250 taken"
    answer_to: str = "250 taken"
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answer_to

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        if self.answer.startswith("2"):
            self.mails.append((envelope, message))
        return self.answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss word")


@asynccontextmanager
async def mail_server(
    inbox: Inbox, tls: ssl.SSLContext | None = None, *, implicit: bool = False
) -> AsyncIterator[Inbox]:
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            inbox,
            hostname="mail.test",
            loop=loop,
            tls_context=None if implicit else tls,
            authenticator=inbox.authenticate if tls else None,
            auth_require_tls=not implicit,
        )

    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=tls if implicit else None)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext:
    """A server's side; clients trust it as they would one of the web."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def mail(**changes: str) -> Mail:
    given = {"to": "ann@example.org", "subject": "Grüße", "text": "It is 1\n", **changes}
    return Mail(
        id=f"ma_{secrets.token_hex(4)}",
        kind="sign_in",
        html="<p>It is <b>1</b></p>",
        queued_at=NOW,
        **given,
    )


def sender(inbox: Inbox, url: str = "smtp://127.0.0.1:{port}?tls=none") -> SmtpSender:
    return SmtpSender(Secret(url.format(port=inbox.port)), "StreamHub <noreply@chat.example.org>")


async def test_a_mail_arrives_as_text_and_page_with_its_headers() -> None:
    async with mail_server(Inbox()) as inbox:
        await sender(inbox).send(sent := mail())
    ((envelope, message),) = inbox.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("noreply@chat.example.org", [sent.to])
    assert message["Subject"] == "Grüße"
    assert message["From"] == "StreamHub <noreply@chat.example.org>"
    assert message["Message-ID"] == f"<{sent.id}@chat.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    text, page = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    assert text.get_content().strip() == "It is 1"
    assert page.get_content().strip() == "<p>It is <b>1</b></p>"


async def test_no_subject_adds_a_header() -> None:
    async with mail_server(Inbox()) as inbox:
        with pytest.raises(MailDeferred):
            await sender(inbox).send(mail(subject="Hello\r\nBcc: eve@example.org"))
    assert inbox.mails == []


async def test_the_connection_is_encrypted_before_anything_is_said(tls: ssl.SSLContext) -> None:
    async with mail_server(Inbox(), tls) as inbox:
        await sender(inbox, "smtp://me:p%40ss%20word@127.0.0.1:{port}").send(mail())
    assert inbox.logins == [(b"me", b"p@ss word")]
    assert len(inbox.mails) == 1


async def test_tls_from_the_first_byte(tls: ssl.SSLContext) -> None:
    async with mail_server(Inbox(), tls, implicit=True) as inbox:
        await sender(inbox, "smtps://127.0.0.1:{port}").send(mail())
    assert len(inbox.mails) == 1


async def test_a_server_without_tls_gets_nothing() -> None:
    async with mail_server(Inbox()) as inbox:
        with pytest.raises(MailDeferred):
            await sender(inbox, "smtp://127.0.0.1:{port}").send(mail())
    assert inbox.mails == []


async def test_a_certificate_nobody_vouches_for_gets_nothing() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with mail_server(Inbox(), context) as inbox:
        with pytest.raises(MailDeferred):
            await sender(inbox, "smtp://127.0.0.1:{port}").send(mail())
    assert inbox.mails == []


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"answer": "550 spam"}, MailRefused),
        ({"answer": "451 later"}, MailDeferred),
        ({"answer_to": "550 nobody here"}, MailRefused),
        ({"answer_to": "450 mailbox busy"}, MailDeferred),
    ],
)
async def test_what_the_server_will_never_take_is_told_from_what_it_may(
    answers: dict[str, str], error: type[Exception]
) -> None:
    async with mail_server(Inbox(**answers)) as inbox:  # type: ignore[arg-type]
        with pytest.raises(error, match="the mail server answered"):
            await sender(inbox).send(mail())


async def test_a_server_that_is_away_defers() -> None:
    async with mail_server(Inbox()) as inbox:
        pass
    with pytest.raises(MailDeferred):
        await sender(inbox).send(mail())


class Clock:
    """Milliseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


async def test_what_is_queued_is_sent_at_once_and_forgotten() -> None:
    queue = InMemoryMailQueue()
    async with mail_server(Inbox()) as inbox:
        office = PostOffice(queue, sender(inbox), Clock())
        running = asyncio.ensure_future(office.run())
        for _ in range(25):
            await queue.put(mail())
        office.wake()

        async def done() -> bool:
            return not await queue.kept(1)

        await until(done)
        running.cancel()
        await asyncio.wait([running])
    assert len(inbox.mails) == 25


async def test_a_mail_is_tried_again_until_it_is_taken_or_a_day_is_over() -> None:
    queue, clock = InMemoryMailQueue(), Clock()
    async with mail_server(Inbox(answer="451 later")) as inbox:
        office = PostOffice(queue, sender(inbox), clock)
        await queue.put(mail())
        tries = 0
        while clock.now < NOW + 48 * 3_600_000:
            tries += await office.send_due()
            clock.now += 10_000
        assert 24 <= tries <= 40
        (kept,) = await queue.kept(1)
        assert kept.problem == "the mail server answered 451"
        inbox.answer = "250 taken"
        await queue.put(msgspec.structs.replace(mail(), queued_at=clock.now))
        assert await office.send_due()
    assert len(inbox.mails) == 1


async def test_a_mail_that_is_refused_is_not_tried_again() -> None:
    queue, clock = InMemoryMailQueue(), Clock()
    async with mail_server(Inbox(answer="550 spam")) as inbox:
        office = PostOffice(queue, sender(inbox), clock)
        await queue.put(mail())
        assert await office.send_due()
        clock.now += 3_600_000
        assert not await office.send_due()
    (kept,) = await queue.kept(1)
    assert kept.problem == "the mail server answered 550"


async def test_what_lay_in_the_mailbox_before_there_was_a_server_is_not_sent_later() -> None:
    queue, clock = InMemoryMailQueue(), Clock()
    await queue.put(mail())
    clock.now += 25 * 3_600_000
    async with mail_server(Inbox()) as inbox:
        assert await PostOffice(queue, sender(inbox), clock).send_due()
    assert inbox.mails == []


def test_without_a_server_there_is_no_sender() -> None:
    assert sender_of(MailSettings()) is None
    assert sender_of(MailSettings(url=Secret("smtp://mail.example.org"))) is not None
