"""Drafts: what somebody is writing and has not sent."""

from typing import Annotated

from msgspec import Meta

from streamhub.protocol.scalars import (
    DEFAULT_PAGE,
    MAX_TEXT,
    TEXT_PATTERN,
    ChannelId,
    Cursor,
    MessageId,
    PageSize,
    Timestamp,
)
from streamhub.protocol.shapes import ChannelCommand, Incoming, Outgoing

DraftText = Annotated[str, Meta(max_length=MAX_TEXT, pattern=TEXT_PATTERN)]


class DraftSet(ChannelCommand, frozen=True, kw_only=True):
    """In a channel, or in reply to the message `thread`. Without text there is none any more: say
    so when it was sent."""

    thread: MessageId | None = None
    text: DraftText


class DraftList(Incoming, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: PageSize = DEFAULT_PAGE


class DraftObject(Outgoing, frozen=True, kw_only=True):
    """What one is writing, and since when it is that. Without `text` there is none any more."""

    channel: ChannelId
    thread: MessageId | None = None
    text: str = ""
    updated_at: Timestamp


class DraftPage(Outgoing, frozen=True, kw_only=True):
    """`next_cursor` is missing on the last page."""

    items: tuple[DraftObject, ...]
    next_cursor: str | None = None
