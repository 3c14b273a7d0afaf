"""What mails say, for every kind there is."""

import secrets
from typing import get_args

import jinja2
import pytest
from markupsafe import escape

from streamhub.domain.mail import Mail, MailKind
from streamhub.persistence.memory.mail import InMemoryMailQueue
from streamhub.transport.letters import Letters

KINDS: tuple[MailKind, ...] = get_args(MailKind)
VALUES = {
    "handle": "ann",
    "code": "123456",
    "link": "https://chat.example.org/l/abc?d=e&f=g",
    "minutes": "37",
    "address": "192.0.2.1",
    "client": "Firefox",
    "when": "23 November 2026, 10:00 UTC",
    "inviter": "Bob <b>\r\nBcc: eve@example.org",
    "until": "30 November 2026",
}


def letters(queue: InMemoryMailQueue | None = None) -> Letters:
    return Letters(
        queue or InMemoryMailQueue(),
        "https://chat.example.org",
        now_ms=lambda: 1_764_000_000_000,
        random_bytes=secrets.token_bytes,
        queued=lambda: None,
    )


def written(kind: MailKind) -> Mail:
    return letters().written(kind, "ann@example.org", VALUES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_subject_a_text_and_a_page_that_say_who_writes(kind: MailKind) -> None:
    mail = written(kind)
    assert mail.subject
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert "Subject" not in mail.text
    for said in (mail.text, mail.html):
        assert "https://chat.example.org" in said
    assert "{" not in mail.text


@pytest.mark.parametrize("kind", KINDS)
def test_text_and_page_name_the_same_things(kind: MailKind) -> None:
    mail = written(kind)
    for value in VALUES.values():
        shown = " ".join(value.split())
        assert (shown in mail.text) == (str(escape(shown)) in mail.html)


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_becomes_markup(kind: MailKind) -> None:
    assert "<b>" not in written(kind).html


def test_a_value_that_is_missing_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(jinja2.UndefinedError):
        letters().written("sign_in", "ann@example.org", {"handle": "ann"})


async def test_what_is_sent_is_queued() -> None:
    queue = InMemoryMailQueue()
    await letters(queue).send("sign_in", "ann@example.org", VALUES)
    (kept,) = await queue.kept(10)
    assert (kept.mail.to, kept.mail.kind) == ("ann@example.org", "sign_in")
