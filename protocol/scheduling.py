"""Scheduled sends: messages that are written now and posted later."""

from typing import Annotated

from msgspec import Meta

from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    ChannelId,
    Cursor,
    JobId,
    MessageId,
    PageSize,
    Text,
    Timestamp,
)
from streamhub.protocol.shapes import ChannelCommand, Incoming, Outgoing

JobState = Annotated[
    str, Meta(description="pending, sending, sent, failed or cancelled; more may come")
]


class ScheduleCreate(ChannelCommand, frozen=True, kw_only=True):
    """Like `message.send`, but at `send_at`: 10 seconds to 120 days from now. At most 100 wait."""

    text: Text
    thread: MessageId | None = None
    silent: bool = False
    send_at: Timestamp


class ScheduleList(Incoming, frozen=True, kw_only=True):
    """In all channels, or in one."""

    channel: ChannelId | None = None
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class ScheduleUpdate(Incoming, frozen=True, kw_only=True):
    """Only while it is `pending`; what is left out stays as it is."""

    schedule: JobId
    text: Text | None = None
    send_at: Timestamp | None = None


class ScheduleCancel(Incoming, frozen=True, kw_only=True):
    """Only while it is `pending`, or after it failed. Twice is once."""

    schedule: JobId


class ScheduledObject(Outgoing, frozen=True, kw_only=True):
    """A message that is posted later. What is `sending` may have been posted already; what was
    `sent` is the `message`. It and what was cancelled has no text any more. What `failed` says why:
    `code` is a problem's, `detail` says it in words."""

    id: JobId
    channel: ChannelId
    thread: MessageId | None = None
    text: str = ""
    silent: bool = False
    send_at: Timestamp
    created_at: Timestamp
    state: JobState
    message: MessageId | None = None
    code: str | None = None
    detail: str | None = None


class ScheduledPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[ScheduledObject, ...]
    next_cursor: str | None = None
