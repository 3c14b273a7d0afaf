"""Mails: what is sent to people, and the queue they wait in until a server has taken them.

A mail is queued in PostgreSQL, sealed, and sent by any host. It is taken out once a mail server
has it; one that cannot be sent is tried again for a day, with pauses that double from 10 s to an
hour. Without a mail server mails stay in the queue, as the *mailbox* that developers look into.
"""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

import msgspec

MailKind = Literal[
    "email_changed",
    "email_change",
    "invitation",
    "password_changed",
    "password_reset",
    "registered_already",
    "registration",
    "sign_in",
    "signed_in",
    "welcome",
]

GIVE_UP_MS: Final = 24 * 3600 * 1000
KEEP_MS: Final = 7 * 24 * 3600 * 1000
"""How long what was not sent can be looked at."""

CLAIM_MS: Final = 60_000
"""A host that has not said within this what became of a mail is gone: another tries."""

_FIRST_PAUSE_MS: Final = 10_000
_LONGEST_PAUSE_MS: Final = 3600 * 1000


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail to one address; `text` and `html` say the same."""

    id: str
    kind: MailKind
    to: str
    subject: str
    text: str
    html: str
    queued_at: int

    def __repr__(self) -> str:  # without what must not reach a log
        return f"Mail({self.id}, {self.kind})"


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A mail this host is to send: the `tries` there were before."""

    mail: Mail
    tries: int


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that is still there: waiting, or given up for the reason `problem`."""

    mail: Mail
    tries: int
    problem: str = ""


class Mailer(Protocol):
    """Writes to people. What a kind of mail says is in its template, with these `values`."""

    async def send(self, kind: MailKind, to: str, values: Mapping[str, str]) -> None:
        """Queue a mail. Raises TryAgain("unavailable")."""
        ...


class MailQueue(Protocol):
    """The queue of the cluster. All raise TryAgain("unavailable") when it is away."""

    async def put(self, mail: Mail) -> None: ...

    async def claim(self, now_ms: int, limit: int) -> tuple[Queued, ...]:
        """Those that are due, the oldest first, for this host alone for CLAIM_MS."""
        ...

    async def sent(self, mail_id: str) -> None:
        """A mail server has it: forget it."""
        ...

    async def put_off(self, mail_id: str, problem: str, next_try_at: int | None) -> None:
        """It was not taken, because of `problem`; without `next_try_at` it never will be."""
        ...

    async def kept(self, limit: int) -> tuple[Kept, ...]:
        """What is still there, the newest first."""
        ...

    async def find(self, mail_id: str) -> Kept | None:
        """The mail, while it is still there."""
        ...

    async def forget_before(self, moment_ms: int) -> None:
        """Drop what was queued before."""
        ...


def next_try_at(queued: Queued, now_ms: int) -> int | None:
    """When a mail that a server would not take now is tried again; None: it is given up."""
    pause = min(_FIRST_PAUSE_MS << min(queued.tries, 16), _LONGEST_PAUSE_MS)
    later = now_ms + pause
    return later if later - queued.mail.queued_at <= GIVE_UP_MS else None
