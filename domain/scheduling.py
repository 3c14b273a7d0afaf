"""Scheduled sends: messages that are written now and posted later."""

from typing import Final, Literal, Protocol

import msgspec

from streamhub.domain.channels import Page
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, JobId, MessageId, UserId

MAX_SCHEDULED: Final = 100
"""Of one user that wait or have failed."""

LEAST_AHEAD_MS: Final = 10_000
MOST_AHEAD_MS: Final = 120 * 86_400_000

GIVEN_UP_MS: Final = 86_400_000
"""So late it fails: what was to be said then is no longer what one would say now."""

REMEMBERED_MS: Final = 86_400_000
"""How long what was sent or cancelled still answers for its key."""

State = Literal["pending", "sending", "sent", "failed", "cancelled"]


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message to post at `send_at` (ms), as a reply to `thread` if that is given.

    It is `pending` until a host takes it to send it, and `sending` until that is known to have
    worked or not: then nobody changes it. `sent` is the `message`; it and what was cancelled has
    no text any more. What `failed` says why: `code` as in problems, and words.
    """

    id: JobId
    user: UserId
    channel: ChannelId
    text: str
    send_at: int
    created_at: int
    thread: MessageId | None = None
    silent: bool = False
    state: State = "pending"
    message: MessageId | None = None
    code: str = ""
    detail: str = ""

    @property
    def key(self) -> str:
        """Of the message, so that whoever sends it again gets the first one."""
        return key_of(self.id)


def key_of(id: JobId) -> str:
    """The key of a job's message."""
    return f"schedule:{id}"


class JobStore(Protocol):
    """Raises TryAgain("unavailable")."""

    async def create(self, job: Job, key: str, digest: bytes) -> Job | None:
        """Keep a job; the same user and key get the first one again. None: MAX_SCHEDULED are kept.
        Raises Refused("key_reused") when the digest differs."""
        ...

    async def keyed(self, user: UserId, key: str, digest: bytes) -> Job | None:
        """The one that was kept for this key. Raises Refused("key_reused")."""
        ...

    async def job(self, user: UserId, id: JobId) -> Job | None:
        """One of the user's, whatever became of it."""
        ...

    async def jobs(
        self, user: UserId, channel: ChannelId | None, cursor: str | None, limit: int
    ) -> Page[Job]:
        """Those that wait, are being sent or have failed, the soonest first. Raises
        Refused("bad_request", field="cursor")."""
        ...

    async def change(
        self, user: UserId, id: JobId, *, text: str | None, send_at: int | None
    ) -> Job | None:
        """Change a pending one. None: there is no such pending one."""
        ...

    async def cancel(self, user: UserId, id: JobId, now_ms: int) -> Job | None:
        """End a pending or failed one. None: there is no such one."""
        ...

    async def take_due(self, now_ms: int, until: int, limit: int) -> tuple[Job, ...]:
        """Take what is due to send it: until that time (ms) nobody else does. Of one user in one
        channel only the first, so that they go in the order of their times, then as created."""
        ...

    async def sent(self, id: JobId, message: MessageId, now_ms: int) -> None:
        """It is this message."""
        ...

    async def failed(self, id: JobId, code: str, detail: str) -> None:
        """It will not be sent: unless its message is there, which an earlier try may have left."""
        ...

    async def later(self, id: JobId, at: int, *, pending: bool) -> None:
        """Try it again at that time (ms). `pending`: it surely was not sent."""
        ...

    async def forget(self, before: int, limit: int) -> int:
        """Drop what was sent or cancelled before that time (ms); how many."""
        ...


def check_send_at(send_at: int, now_ms: int) -> None:
    """Raises Refused("bad_request")."""
    if LEAST_AHEAD_MS <= send_at - now_ms <= MOST_AHEAD_MS:
        return
    detail = (
        f"must be {LEAST_AHEAD_MS // 1000} seconds to {MOST_AHEAD_MS // 86_400_000} days from now"
    )
    raise Refused("bad_request", detail, field="send_at")


def check_same(kept: bytes, digest: bytes) -> None:
    """Raises Refused("key_reused")."""
    if kept != digest:
        raise Refused("key_reused", "the key was used with another request")
